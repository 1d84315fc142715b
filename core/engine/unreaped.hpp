#pragma once

#include "core/base/process.hpp"
#include "core/domain/time.hpp"

#include <functional>
#include <vector>

namespace ckpt::engine {

/// The children of a program that have ended and whose parents have not looked yet (zombies). An
/// image made in that moment is of a program that does not know what has happened to it: DMTCP's
/// holds no such child, so that its parent would wait for it in vain and a shell take it for a
/// success; CRIU's holds it, and where somebody had killed it, every restart would end as the
/// program is about to end now. Parents look within milliseconds, or when they are next at it; one
/// that has not done so for seconds does not care. Not thread-safe: the engine's thread.
class UnreapedChildren {
public:
  enum class Which {
    failed, ///< ended otherwise than with 0
    killed, ///< by SIGKILL: from outside
  };
  /// Their parents: processes of the program, as they are now.
  using Parents = std::function<std::vector<pid_t>()>;
  UnreapedChildren(Which which, Parents parents, Duration patience = seconds{3});

  /// Before a freeze: waits until all parents have looked, or `patience` after a child was first
  /// seen like that, or `wake_fd` can be read.
  void settle(int wake_fd);
  /// In the freeze. `child_not_waited_for` if there is one that has not been there for `patience`:
  /// the checkpoint is to be taken again.
  Status check();

private:
  bool counts(pid_t zombie) const;
  void look();

  struct Seen {
    ProcessInfo child;
    MonoTime first;
  };
  Which which_;
  Parents parents_;
  Duration patience_;
  std::vector<Seen> seen_;
};

} // namespace ckpt::engine
