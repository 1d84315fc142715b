#include "core/base/clock.hpp"
#include "core/engine/unreaped.hpp"

#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

using namespace ckpt;
using engine::UnreapedChildren;
using Which = UnreapedChildren::Which;

namespace {

/// A child of this process that has ended, by a status or (negative) a signal, and is not reaped.
class Ended {
public:
  explicit Ended(int how) : pid_(::fork()) {
    if (pid_ == 0) {
      if (how < 0) {
        ::signal(-how, SIG_DFL); // doctest has handlers
        ::raise(-how);
      }
      ::_exit(how);
    }
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) == 0);
  }
  ~Ended() { reap(); }
  Ended(const Ended&) = delete;
  Ended& operator=(const Ended&) = delete;
  void reap() {
    if (pid_ > 0) {
      ::waitpid(std::exchange(pid_, 0), nullptr, 0);
    }
  }

private:
  pid_t pid_;
};

UnreapedChildren ours(Which which, Duration patience = minutes{1}) {
  return {which, [] { return std::vector<pid_t>{::getpid()}; }, patience};
}

} // namespace

TEST_CASE("a child that failed is in the way until its parent has looked") {
  Ended child(3);
  auto failed = ours(Which::failed);
  const Status early = failed.check();
  REQUIRE_FALSE(early);
  CHECK(early.error().code == "child_not_waited_for");
  CHECK_FALSE(failed.check()); // a second try in the same moment is no better
  child.reap();
  CHECK(failed.check());
}

TEST_CASE("which ends count") {
  SUBCASE("an end with 0 is in nobody's way") {
    const Ended child(0);
    CHECK(ours(Which::failed).check());
    CHECK(ours(Which::killed).check());
  }
  SUBCASE("its own failure is carried by who holds zombies") {
    const Ended child(9); // an exit status, no signal
    CHECK_FALSE(ours(Which::failed).check());
    CHECK(ours(Which::killed).check());
  }
  SUBCASE("another signal is the program's own business") {
    const Ended child(-SIGTERM);
    CHECK_FALSE(ours(Which::failed).check());
    CHECK(ours(Which::killed).check());
  }
  SUBCASE("killed") {
    const Ended child(-SIGKILL);
    CHECK_FALSE(ours(Which::failed).check());
    CHECK_FALSE(ours(Which::killed).check());
  }
}

TEST_CASE("a parent that does not look does not care") {
  const Ended child(-SIGKILL);
  const Duration patience = milliseconds{60};
  auto killed = ours(Which::killed, patience);
  const int never = ::eventfd(0, EFD_CLOEXEC);
  const MonoTime before = system_clock().monotonic();
  killed.settle(never);
  CHECK(system_clock().monotonic() - before >= patience);
  CHECK(killed.check());
  ::close(never);
}

TEST_CASE("the wait for a parent ends at once when somebody wakes it") {
  const Ended child(-SIGKILL);
  auto killed = ours(Which::killed);
  const int awake = ::eventfd(1, EFD_CLOEXEC);
  killed.settle(awake);
  CHECK_FALSE(killed.check());
  ::close(awake);
}
