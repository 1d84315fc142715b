#include "core/base/sockets.hpp"

#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>

namespace ckpt {
namespace {

constexpr int kEstablished = 1;
constexpr int kCloseWait = 8;

std::optional<std::uint32_t> hex_word(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

/// The address in network order: 4 or 16 bytes; empty if it is none.
std::string address_bytes(std::string_view hex) {
  std::string bytes;
  for (; hex.size() >= 8; hex.remove_prefix(8)) {
    const auto word = hex_word(hex.substr(0, 8)); // of the machine's own byte order
    if (!word) {
      return {};
    }
    bytes.append(reinterpret_cast<const char*>(&*word), sizeof(*word));
  }
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  return bytes.size() == 16 && bytes.starts_with(kMapped) ? bytes.substr(12) : bytes;
}

struct UnixPeer {
  std::uint64_t peer = 0;
  std::string name;
};
using UnixSockets = std::map<std::uint64_t, UnixPeer>;

void note_unix_socket(const nlmsghdr& header, UnixSockets& sockets) {
  unix_diag_msg message{};
  if (header.nlmsg_len < NLMSG_LENGTH(sizeof(message))) {
    return;
  }
  const char* payload = reinterpret_cast<const char*>(&header) + NLMSG_HDRLEN;
  std::memcpy(&message, payload, sizeof(message));
  UnixPeer found;
  std::size_t left = header.nlmsg_len - NLMSG_LENGTH(sizeof(message));
  const char* at = payload + NLMSG_ALIGN(sizeof(message));
  rtattr attribute{};
  while (left >= sizeof(attribute)) {
    std::memcpy(&attribute, at, sizeof(attribute));
    if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > left) {
      break;
    }
    const char* data = at + RTA_LENGTH(0);
    const std::size_t length = attribute.rta_len - RTA_LENGTH(0);
    if (attribute.rta_type == UNIX_DIAG_PEER && length >= sizeof(std::uint32_t)) {
      std::uint32_t peer = 0;
      std::memcpy(&peer, data, sizeof(peer));
      found.peer = peer;
    } else if (attribute.rta_type == UNIX_DIAG_NAME) {
      found.name.assign(data, length);
    }
    const std::size_t step = std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), left);
    at += step;
    left -= step;
  }
  sockets[message.udiag_ino] = std::move(found);
}

// Of our own network namespace: the program's is the same one, for no engine makes another.
UnixSockets unix_sockets() {
  UnixSockets sockets;
  const Fd link(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  struct {
    nlmsghdr header;
    unix_diag_req request;
  } ask{};
  ask.header.nlmsg_len = sizeof(ask);
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  ask.request.sdiag_family = AF_UNIX;
  ask.request.udiag_states = 1U << kEstablished;
  ask.request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
  if (!link ||
      ::setsockopt(link.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
      ::send(link.get(), &ask, sizeof(ask), 0) != static_cast<ssize_t>(sizeof(ask))) {
    return sockets;
  }
  alignas(nlmsghdr) std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = ::recv(link.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) {
      return sockets;
    }
    std::size_t left = static_cast<std::size_t>(got);
    const char* at = buffer.data();
    while (left >= sizeof(nlmsghdr)) {
      const auto& header = *reinterpret_cast<const nlmsghdr*>(at);
      if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > left ||
          header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
        return sockets;
      }
      note_unix_socket(header, sockets);
      const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), left);
      at += step;
      left -= step;
    }
  }
}

std::string printable_name(std::string name) {
  while (!name.empty() && name.back() == '\0') {
    name.pop_back();
  }
  for (char& letter : name) {
    letter = letter == '\0' ? '@' : letter; // an abstract name begins with a zero
  }
  return name.empty() ? "an unnamed socket" : name;
}

std::vector<TcpLine> tcp_lines(pid_t pid) {
  const Path net = Path("/proc") / std::to_string(pid) / "net";
  std::vector<TcpLine> lines = parse_tcp(read_file(net / "tcp").value_or(""));
  const std::vector<TcpLine> six = parse_tcp(read_file(net / "tcp6").value_or(""));
  lines.insert(lines.end(), six.begin(), six.end());
  return lines;
}

} // namespace

std::vector<TcpLine> parse_tcp(const std::string& text) {
  std::vector<TcpLine> lines;
  for (const std::string& line : split_lines(text)) {
    std::istringstream fields(line);
    TcpLine found;
    std::string skip;
    std::string state;
    fields >> skip >> found.local >> found.remote >> state;
    for (int i = 0; i < 5; ++i) { // queues, timers, retransmissions, uid, timeout
      fields >> skip;
    }
    const auto number = hex_word(state);
    if (fields >> found.inode && number && found.local.find(':') != std::string::npos) {
      found.state = static_cast<int>(*number);
      lines.push_back(std::move(found));
    }
  }
  return lines;
}

std::string readable_address(const std::string& hex) {
  const std::size_t colon = hex.find(':');
  const std::string bytes = address_bytes(std::string_view(hex).substr(0, colon));
  const auto port =
      hex_word(colon == std::string::npos ? "" : std::string_view(hex).substr(colon + 1));
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool six = bytes.size() == 16;
  if ((!six && bytes.size() != 4) || !port ||
      ::inet_ntop(six ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size()) == nullptr) {
    return hex;
  }
  const std::string address = six ? "[" + std::string(text.data()) + "]" : text.data();
  return address + ":" + std::to_string(*port);
}

bool is_loopback(const std::string& hex) {
  const std::string bytes = address_bytes(std::string_view(hex).substr(0, hex.find(':')));
  return bytes.size() == 4 ? bytes[0] == 127
                           : bytes == std::string("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

std::map<pid_t, std::vector<OutsideConnection>>
outside_connections(const SocketsOf& sockets, const std::set<std::uint64_t>& inside) {
  std::map<pid_t, std::vector<OutsideConnection>> outside;
  const auto tell = [&](std::uint64_t socket, const OutsideConnection& connection) {
    for (const auto& [pid, owned] : sockets) {
      if (owned.contains(socket)) {
        outside[pid].push_back(connection);
      }
    }
  };
  if (inside.empty()) {
    return outside;
  }
  const std::vector<TcpLine> lines = tcp_lines(sockets.begin()->first);
  std::map<std::pair<std::string, std::string>, std::uint64_t> ends;
  for (const TcpLine& line : lines) {
    // One end may be written as IPv6 and the other as IPv4: compared as people read them.
    ends.try_emplace({readable_address(line.local), readable_address(line.remote)}, line.inode);
  }
  for (const TcpLine& line : lines) {
    if (!inside.contains(line.inode) || (line.state != kEstablished && line.state != kCloseWait)) {
      continue;
    }
    const std::string remote = readable_address(line.remote);
    const auto other = ends.find({remote, readable_address(line.local)});
    if (other == ends.end() || !inside.contains(other->second)) {
      tell(line.inode, {remote, is_loopback(line.remote) || other != ends.end()});
    }
  }
  const UnixSockets all = unix_sockets();
  for (const std::uint64_t socket : inside) {
    const auto found = all.find(socket);
    if (found == all.end() || found->second.peer == 0 || inside.contains(found->second.peer)) {
      continue;
    }
    const auto peer = all.find(found->second.peer);
    tell(socket, {printable_name(peer == all.end() ? "" : peer->second.name), true});
  }
  return outside;
}

} // namespace ckpt
