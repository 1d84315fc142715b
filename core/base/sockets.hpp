#pragma once

#include "core/domain/process_facts.hpp"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

// Where the sockets of processes lead. Private to core/base.

namespace ckpt {

/// One line of /proc/net/tcp or tcp6.
struct TcpLine {
  std::string local; ///< hexadecimal "address:port", as the kernel writes it
  std::string remote;
  int state = 0;
  std::uint64_t inode = 0;
};
std::vector<TcpLine> parse_tcp(const std::string& text);

/// "0100007F:1F90" → "127.0.0.1:8080"; also of tcp6, there with mapped IPv4 addresses as such.
std::string readable_address(const std::string& hex);
bool is_loopback(const std::string& hex);

/// Inodes of the sockets that each process has.
using SocketsOf = std::map<pid_t, std::set<std::uint64_t>>;

/// Of each process, the connections whose other end is not in `inside`. All are taken to be in one
/// network namespace, the first one's. Unix sockets are asked of the kernel (sock_diag), and left
/// out where it does not tell.
std::map<pid_t, std::vector<OutsideConnection>>
outside_connections(const SocketsOf& sockets, const std::set<std::uint64_t>& inside);

} // namespace ckpt
