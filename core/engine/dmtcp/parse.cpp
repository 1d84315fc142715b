#include "core/engine/dmtcp/parse.hpp"

#include "core/base/strings.hpp"

#include <algorithm>
#include <charconv>

namespace ckpt::engine::dmtcp {
namespace {

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

std::optional<std::string> value_of(const std::vector<std::string>& lines, std::string_view key) {
  for (const auto& line : lines) {
    const std::string_view text = trim(line);
    if (text.starts_with(key) && text.size() > key.size() && text[key.size()] == '=') {
      return std::string(text.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

// "1, python3.11[40000:14908]@vm, 98ff-40000-21fd3e91cbe, WorkerState::RUNNING, DMT:SUSPEND". The
// program's name is the program's own choice: it is read from the right.
std::optional<Peer> parse_peer(std::string_view line) {
  std::vector<std::string> parts = split(line, ',');
  if (parts.size() < 5) {
    return std::nullopt;
  }
  const std::string state(trim(parts[parts.size() - 2]));
  parts.resize(parts.size() - 3);
  parts.erase(parts.begin());
  const std::string joined = join(parts, ",");
  const std::string_view who = trim(joined);
  const std::size_t open = who.rfind('[');
  const std::size_t close = who.rfind("]@");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  const std::string_view pids = who.substr(open + 1, close - open - 1);
  const auto real = number(pids.substr(pids.find(':') + 1)); // npos + 1 is 0: no virtual pid
  if (!real || *real <= 0) { // signals go to it, and 0 and -1 mean many
    return std::nullopt;
  }
  Peer peer;
  peer.pid = *real;
  peer.name = std::string(who.substr(0, open));
  const std::size_t scope = state.rfind(':');
  peer.state = scope == std::string::npos ? state : state.substr(scope + 1);
  return peer;
}

} // namespace

std::optional<Version> parse_version(const std::string& output) {
  constexpr std::string_view kMark = "(DMTCP) ";
  const std::size_t at = output.find(kMark);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  std::string_view rest = std::string_view(output).substr(at + kMark.size());
  rest = trim(rest.substr(0, rest.find('\n')));
  rest = rest.substr(0, rest.find(' '));
  const std::vector<std::string> parts = split(rest, '.');
  const auto major = number(parts.front());
  if (!major) {
    return std::nullopt;
  }
  Version version{.text = std::string(rest), .major = *major, .minor = 0};
  if (parts.size() > 1) {
    const std::string& second = parts[1];
    version.minor = number(second.substr(0, second.find_first_not_of("0123456789"))).value_or(0);
  }
  return version;
}

std::optional<CoordinatorStatus> parse_status(const std::string& output) {
  const std::vector<std::string> lines = split_lines(output);
  const auto peers = value_of(lines, "NUM_PEERS");
  const auto running = value_of(lines, "RUNNING");
  const auto count = peers ? number(*peers) : std::nullopt;
  if (!count || !running || (*running != "yes" && *running != "no")) {
    return std::nullopt;
  }
  return CoordinatorStatus{.peers = *count, .running = *running == "yes"};
}

std::optional<std::vector<Peer>> parse_list(const std::string& output) {
  const std::vector<std::string> lines = split_lines(output);
  auto line = std::find_if(lines.begin(), lines.end(), [](const std::string& text) {
    return trim(text).starts_with("#, PROG[");
  });
  if (line == lines.end()) {
    return std::nullopt;
  }
  std::vector<Peer> peers;
  for (++line; line != lines.end(); ++line) {
    if (trim(*line).empty()) {
      continue;
    }
    auto peer = parse_peer(*line);
    if (!peer) {
      return std::nullopt;
    }
    peers.push_back(std::move(*peer));
  }
  return peers;
}

bool all_running(const std::vector<Peer>& peers) {
  return !peers.empty() && std::all_of(peers.begin(), peers.end(), [](const Peer& peer) {
    return peer.state == "RUNNING";
  });
}

} // namespace ckpt::engine::dmtcp
