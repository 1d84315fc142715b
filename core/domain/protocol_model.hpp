#pragma once

#include "core/domain/protocol.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

// A small world in which one job runs: two daemons, a scheduler, runners on nodes, the store. Every
// call is two events, its effect and its answer, and each can be late or never come. Anybody can
// die between any two of them. The actors decide by the rules of protocol.hpp; the world checks
// what must never happen. Pure: a state and an action give the next state.

namespace ckpt::protocol::model {

constexpr int kLease = 4; ///< ticks; so a renewal a tick, and frozen after three without one
constexpr int kGoal = 3;  ///< work that the program has to do
constexpr int kRunners = 7;
constexpr int kAllocations = 6;
constexpr int kTokens = 5;
constexpr int kGenerations = 8;
constexpr int kDaemons = 2;
constexpr std::uint8_t kNone = 255;

/// Rules that can be broken on purpose, to show that the explorer would notice.
enum class Mutation {
  none,
  claims_ignored,           ///< a runner looks at no older claim
  newest_lease_only,        ///< waits for the newest of the older attempts alone
  lease_not_waited_for,     ///< of a lost attempt
  never_frozen,             ///< a program whose lease cannot be renewed
  thawed_without_look,      ///< as soon as the store answers
  looked_before_renewal,    ///< claims first, then the renewal
  renewal_counts_from_end,  ///< not from its beginning
  started_on_stale_lease,   ///< the answer came late, and nobody looked at the clock
  started_without_mark,     ///< the newer attempt leaves nothing before its last look
  mark_not_exclusive,       ///< a mark that hung can land over a result
  revoked_only_at_claim,    ///< a revoked token is looked for before the claim alone
  cancellation_not_stored,  ///< neither tokens revoked nor the job closed
  job_not_closed,           ///< tokens are revoked, and no more
  resubmitted_without_wait, ///< the daemon does not wait for leases
  cancel_is_a_failure,      ///< CANCELLED is resubmitted like any other end
  own_cancel_not_noted,     ///< the daemon does not write down what it cancelled itself
  results_ignored,          ///< journals are not asked for a result before a start
  newest_by_number,         ///< the start generation, whatever attempt sealed it
  number_by_count,          ///< generation numbers: sealed ones + 1
  no_succession,            ///< the daemon leaves everything to runner and scheduler
};

/// How much may go wrong, and how large the world may grow while it does.
struct Faults {
  std::uint8_t crashes = 1;     ///< of runners, nodes, daemons
  std::uint8_t delays = 1;      ///< store operations and calls that hang, or get lost
  std::uint8_t repeats = 0;     ///< calls that arrive twice
  std::uint8_t splits = 0;      ///< nodes that the scheduler believes dead
  std::uint8_t ends = 1;        ///< walltimes
  std::uint8_t cancels = 0;     ///< by a person
  std::uint8_t checkpoints = 1; ///< beside those at walltime
  std::uint8_t runners = 3;
  std::uint8_t tokens = 2;
  std::uint8_t daemons = 1;
};

enum class Stage : std::uint8_t {
  absent,
  claiming,
  looking,  ///< waits for older attempts
  marking,  ///< writes `starting`
  checking, ///< looks again
  running,
  numbering, ///< mkdir of the next generation
  sealing,
  intending, ///< writes `requeue_intent`
  ending,    ///< writes `ended`, to go on elsewhere
  requeueing,
  completing, ///< writes `ended`, the program's own end
  leaving,    ///< writes `ended`, having lost or been told to go
};

enum class Program : std::uint8_t { none, running, frozen };
/// An operation on the store: its effect, then its answer.
enum class Op : std::uint8_t { idle, issued, landed };

struct Runner {
  Stage stage = Stage::absent;
  Program program = Program::none;
  Op main = Op::idle, renewal = Op::idle, look = Op::idle;
  std::uint8_t answer = 0; ///< of the main operation, as it was when it took effect
  std::uint8_t newer = 0;  ///< of the look of a frozen attempt
  std::uint8_t allocation = kNone, token = kNone, restart = 0, attempt = kNone;
  std::uint8_t progress = 0, saved = 0, generation = kNone, from = kNone;
  std::uint8_t age = kLease;     ///< since the newest completed renewal began
  std::uint8_t renewing_for = 0; ///< since the one in flight began
  std::uint8_t watching = kNone; ///< since the first look at older leases
  std::uint8_t renewed_since_look = 0, looked = 0;
  std::uint8_t gone = 0, term = 0, orphan = 0, node_lost = 0, ever_started = 0, last = 0;
  std::uint8_t due = 0;       ///< ghost: the progress that its start must not fall behind
  std::uint8_t late_mark = 0; ///< ghost: marked after the job was cancelled for good
};

struct Attempt {
  std::uint8_t runner = kNone, token = kNone, restart = 0;
  std::uint8_t marked = 0, from = kNone, ended = 0, completed = 0, left = 0, still = 0;
  std::uint8_t superseded = 0; ///< by a newer attempt's mark: it can get no result any more
};

struct Generation {
  std::uint8_t taken = 0, sealed = 0, attempt = kNone, progress = 0;
  std::uint8_t late = 0; ///< ghost: sealed after a newer attempt's mark
};

enum class Slot : std::uint8_t { unused, pending, running, over, cancelled };

struct Allocated {
  Slot state = Slot::unused;
  std::uint8_t token = kNone, restart = 0, runner = kNone;
  std::uint8_t ours = 0;          ///< durable: the daemon itself asked for its end
  std::uint8_t late_requeues = 0; ///< calls on their way
};

struct Token {
  std::uint8_t used = 0, revoked = 0, late_submits = 0;
};

enum class Plan : std::uint8_t { none, submit, retry, finish, cancel, surplus };
enum class JobFate : std::uint8_t { open, completed, cancelled };

struct Daemon {
  std::uint8_t alive = 0, up = 0;
  Plan plan = Plan::none;
  std::uint8_t step = 0, argument = 0, seen = 0;
};

struct World {
  std::array<Runner, kRunners> runners{};
  std::array<Attempt, kRunners> attempts{};
  std::array<Generation, kGenerations> generations{};
  std::array<Allocated, kAllocations> allocations{};
  std::array<Token, kTokens> tokens{};
  std::array<Daemon, kDaemons> daemons{};
  JobFate fate = JobFate::open;
  std::uint8_t owner = kNone;        ///< the daemon with the newest epoch
  std::uint8_t person_cancelled = 0; ///< by whatever way
  std::uint8_t cancel_asked = 0;     ///< of the daemon
  std::uint8_t sealed_off = 0;       ///< ghost: cancelled, and every token revoked
  std::uint8_t done = 0;             ///< ghost: a result that counts is in the store
  std::uint8_t best = 0;             ///< ghost: progress that no new attempt may fall behind
  std::uint8_t broken = 0;           ///< index into kBroken
  std::uint8_t exhausted = 0;        ///< the small world was too small
  std::uint8_t crashes = 0, delays = 0, repeats = 0, splits = 0, ends = 0, cancels = 0,
               checkpoints = 0;
  std::uint8_t max_runners = 0, max_tokens = 0, max_daemons = 0;
};
static_assert(std::has_unique_object_representations_v<World>, "hashed as bytes");

/// What must never happen. Index 0: nothing did.
constexpr std::array<const char*, 9> kBroken{"",
                                             "two programs run at once",
                                             "a completed job was started again",
                                             "a cancelled job was started",
                                             "a generation number was used twice",
                                             "an attempt started behind the newest generation",
                                             "an attempt started from an abandoned branch",
                                             "a successor was asked for while a program ran",
                                             "a job was cancelled that no person cancelled"};

enum class Act : std::uint8_t {
  main_land,
  main_answer,
  renewal_land,
  renewal_answer,
  look_land,
  look_answer,
  freeze,
  main_step,
  renew,
  look,
  work,
  notice,
  start,
  kill,
  daemon_step,
  daemon_observe,
  daemon_start,
  tick,
  kFirstFault, ///< those below need a fault or an event from outside
  main_hang = kFirstFault,
  renewal_hang,
  look_hang,
  checkpoint,
  walltime,
  crash,
  node_crash,
  node_returns,
  split_requeue,
  split_over,
  late_requeue,
  late_submit,
  repeated_requeue,
  repeated_submit,
  person_cancels,
  cancel_asked,
  daemon_call_lost,
  daemon_crash,
  daemon_takeover,
  kEnd,
};

struct Action {
  Act act;
  std::uint8_t index; ///< of the runner, allocation, token or daemon
};

class Model {
public:
  explicit Model(Mutation mutation = Mutation::none) : mutation_(mutation) {}

  static World initial(const Faults& faults);
  /// Every action that could be possible in some state; faults last.
  static std::vector<Action> actions();

  /// Whether the action was possible and changed the world.
  bool apply(World& world, Action action) const;

  /// The job has an end and nothing of it runs any more.
  static bool settled(const World& world);
  /// Lifts the bounds that keep exploration small, and ends all faults.
  static void calm(World& world);

private:
  bool runner_acts(World& world, Act act, std::uint8_t r) const;
  bool helper_acts(World& world, Act act, std::uint8_t r) const;
  bool scheduler_acts(World& world, Act act, std::uint8_t index) const;
  bool daemon_acts(World& world, Act act, std::uint8_t d) const;

  void land(World& world, std::uint8_t r) const;
  void answer(World& world, std::uint8_t r) const;
  void start_program(World& world, std::uint8_t r) const;
  StartVerdict verdict(const World& world, std::uint8_t r, std::uint8_t& newest) const;
  bool observe(World& world, std::uint8_t d) const;
  bool step(World& world, std::uint8_t d, bool lost) const;
  bool is(Mutation mutation) const { return mutation_ == mutation; }

  Mutation mutation_;
};

} // namespace ckpt::protocol::model
