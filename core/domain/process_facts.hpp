#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// What the proc filesystem tells of a program's processes, as plain values: the input of
// hazards.hpp. Filled in by core/base/process_facts.hpp.

namespace ckpt {

enum class ObjectKind { regular, directory, device, socket, pipe, anonymous, other };

/// Device and inode: a file whatever its name.
using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;

/// Something that a process has open or mapped.
struct OpenObject {
  ObjectKind kind = ObjectKind::other;
  std::string path;     ///< as the kernel names it: "/tmp/x", "socket:[7]", "anon_inode:[io_uring]"
  bool deleted = false; ///< has no name any more
  bool mapped = false;  ///< by a mapping, else by a descriptor
  bool shared = false;  ///< of a mapping: MAP_SHARED
  bool in_place = false; ///< its content can change below its length: opened for reading and
                         ///< writing, written before its end, or mapped shared and writable
  bool reachable = true; ///< this user could open it again in the same way
  bool own = false;      ///< belongs to this user
  bool writable = false; ///< opened, or mapped shared, for writing
  std::uint64_t bytes = 0;
  FileIdentity identity;  ///< of a file that could be looked at
  std::string filesystem; ///< "ext4", "nfs", …; empty: not looked at
};

/// An established connection whose other end is no process of the program or its engine.
struct OutsideConnection {
  std::string peer;       ///< "10.0.0.5:5432", "/run/nscd/socket", or "?"
  bool this_node = false; ///< by loopback or a Unix socket
};

struct ProcessFacts {
  int pid = 0;
  std::string name;
  std::string cwd;          ///< canonical; empty: it cannot be read, or was deleted
  bool readable = true;   ///< false: it runs as another user
  bool is_static = false; ///< its executable names no dynamic loader
  bool setuid = false;    ///< its executable changes the user, or has capabilities of its own
  bool injected = false;  ///< DMTCP's library is in it
  bool settled = true;    ///< older than a few seconds
  std::vector<OpenObject> objects;
  std::vector<OutsideConnection> connections;
};

} // namespace ckpt
