#include "core/store/generations.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <set>

// What comes back from the store alone: compared with the registry row by row, column by column.

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

/// What a rebuild need not bring back, and why.
const std::set<std::string> kNotCompared{
    "events.seq",                  // new numbers, behind all that were given before
    "generations.requested_at",    // of a request: the instant at which its checkpoint began
    "idempotency_keys.request",    // empty means: not known any more
    "idempotency_keys.created_at", // only for tidying up
    "nodes.last_seen_at",          // when the claim was made, instead of when it was seen
    "schema_version.written_by",
};

using Rows = std::map<std::string, std::multiset<std::string>>; ///< by table

Rows rows_of(const Path& file) {
  Rows rows;
  SQLite::Database db(file.string());
  std::vector<std::string> tables;
  SQLite::Statement names(db, "SELECT name FROM sqlite_master WHERE type = 'table'");
  while (names.executeStep()) {
    tables.push_back(names.getColumn(0).getString());
  }
  for (const std::string& table : tables) {
    if (table.rfind("sqlite_", 0) == 0) {
      continue;
    }
    SQLite::Statement all(db, "SELECT * FROM " + table);
    while (all.executeStep()) {
      std::string text;
      bool daemons_own = false;
      for (int i = 0; i < all.getColumnCount(); ++i) {
        const std::string name = all.getColumnName(i);
        const SQLite::Column column = all.getColumn(i);
        // What the daemon alone tells (a drain, a request) is in no file.
        daemons_own = daemons_own || (name == "source" && column.getString() == "daemon");
        if (kNotCompared.count(table + "." + name) == 0) {
          text += name + "=" + (column.isNull() ? "NULL" : column.getString()) + "\n";
        }
      }
      if (!daemons_own) {
        rows[table].insert(text);
      }
    }
  }
  return rows;
}

/// A world in which every kind of history is made, with real generations.
class RichWorld : public World {
public:
  SchedulerJobId allocation() {
    pass();
    return newest_allocation();
  }

  /// The next run of the same allocation, restarted from a generation.
  ScriptedRunner requeued(JobId job, const SchedulerJobId& id, GenerationId from) {
    REQUIRE(scheduler.requeue(id));
    scheduler.gone(id);
    pass(seconds{2});
    const auto claim = try_claim(job, id);
    REQUIRE_MESSAGE(claim, (claim ? "" : claim.error().message));
    ScriptedRunner runner(folder(job), *claim, clock);
    restarted(runner, from);
    return runner;
  }

  void restarted(ScriptedRunner& runner, GenerationId from) {
    runner.write(store::AttemptEventKind::claimed);
    store::AttemptEvent event;
    event.kind = store::AttemptEventKind::starting;
    event.generation = from;
    event.engine = EngineVersion{EngineKind::criu, "4.2.1"};
    runner.write(event);
    event.kind = store::AttemptEventKind::program_restarted;
    runner.write(event);
    pass(seconds{2});
  }

  void pin(JobId job, GenerationId id) {
    store::JobEvent event;
    event.kind = store::JobEventKind::pinned;
    event.generation = id;
    event.by = "user";
    LiveJob* live = reconciler->find(job);
    REQUIRE(live != nullptr);
    REQUIRE(reconciler->record(*live, event));
  }

  /// Walltime, requeue, restart, stop, rollback to an older one, a pin, and it runs.
  JobId rolled_back() {
    const JobId job = submit("rolled-back", "key-rolled");
    const SchedulerJobId first = allocation();
    ScriptedRunner one = begin(job, first);
    const GenerationId g1 = seal(job, one, Trigger::proof);
    pass();
    const GenerationId g2 = seal(job, one, Trigger::before_walltime);
    pass();
    pin(job, g1);
    one.write(store::AttemptEventKind::requeue_intent);
    one.end(EndReason::walltime);
    pass();
    ScriptedRunner two = requeued(job, first, g2);
    seal(job, two, Trigger::interval, g2);
    pass();
    REQUIRE(commands->stop(job, {}));
    pass();
    two.end(EndReason::stopped, {}, "stopped by the user");
    scheduler.exit(first, 85);
    pass(seconds{20});
    REQUIRE(state(job) == JobState::parked);
    api::RestartRequest back;
    back.generation = g1;
    back.sbatch_args = {"--partition=long"};
    back.policy_patch = R"({"keep": 7, "tags": {"who": "me"}})";
    REQUIRE(commands->restart(job, back));
    const SchedulerJobId second = allocation();
    const auto claim = try_claim(job, second);
    REQUIRE(claim);
    ScriptedRunner three(folder(job), *claim, clock);
    restarted(three, g1);
    REQUIRE(state(job) == JobState::running);
    return job;
  }

  /// A lost node, another attempt that goes on, a corrupt generation, a failed one; then parked.
  JobId lost_and_parked() {
    const JobId job = submit("lost");
    const SchedulerJobId id = allocation();
    ScriptedRunner one = begin(job, id);
    const GenerationId g1 = seal(job, one, Trigger::proof);
    const GenerationId g2 = seal(job, one, Trigger::interval);
    pass();
    scheduler.job(id).allocation.state = AllocationState::node_fail;
    scheduler.job(id).allocation.raw_state = "NODE_FAIL";
    pass(minutes{5});
    pass(seconds{10});
    const SchedulerJobId next = newest_allocation();
    const auto claim = try_claim(job, next);
    REQUIRE_MESSAGE(claim, (claim ? "" : claim.error().message));
    ScriptedRunner two(folder(job), *claim, clock);
    two.write(store::AttemptEventKind::claimed);
    store::AttemptEvent event;
    event.kind = store::AttemptEventKind::corrupt;
    event.generation = g2;
    event.reason = "images/x: 12 bytes short";
    REQUIRE(store::Generations(folder(job).path()).mark_corrupt(g2, event.reason));
    two.write(event);
    restarted(two, g1);
    event.kind = store::AttemptEventKind::warning;
    event.generation.reset();
    event.code = "uncovered_file";
    event.reason = "data.bin is open for writing";
    two.write(event);
    const auto g3 = store::Generations(folder(job).path()).allocate();
    REQUIRE(g3);
    event = {};
    event.kind = store::AttemptEventKind::checkpoint_started;
    event.generation = *g3;
    event.trigger = Trigger::interval;
    two.write(event);
    event.kind = store::AttemptEventKind::checkpoint_failed;
    event.reason = "no space";
    REQUIRE(store::Generations(folder(job).path()).mark_failed(*g3, event.reason));
    two.write(event);
    pass();
    two.end(EndReason::restart_failed, {}, "no generation could be restarted");
    scheduler.exit(next, 85);
    pass(seconds{20});
    REQUIRE(state(job) == JobState::parked);
    return job;
  }

  /// Runs to its end; retention has removed what it had.
  JobId completed() {
    const JobId job = submit("completed");
    const SchedulerJobId id = allocation();
    ScriptedRunner one = begin(job, id);
    const GenerationId g1 = seal(job, one, Trigger::proof);
    pass();
    one.end(EndReason::completed, 0);
    store::AttemptEvent event;
    event.kind = store::AttemptEventKind::pruned;
    event.generation = g1;
    event.reason = "the job has succeeded";
    REQUIRE(store::Generations(folder(job).path()).remove(g1, event.reason));
    one.write(event);
    scheduler.exit(id, 0);
    pass(minutes{3});
    REQUIRE(state(job) == JobState::completed);
    return job;
  }

  /// A lost attempt, then one that completes: the loss must not be the job's reason afterwards.
  JobId lost_then_completed() {
    const JobId job = submit("lost-completed");
    const SchedulerJobId id = allocation();
    begin(job, id);
    scheduler.job(id).allocation.state = AllocationState::node_fail;
    scheduler.job(id).allocation.raw_state = "NODE_FAIL";
    pass(minutes{5});
    pass(seconds{10});
    const SchedulerJobId next = newest_allocation();
    ScriptedRunner two = begin(job, next);
    two.end(EndReason::failed, 7, "exit status 7");
    scheduler.exit(next, 7);
    pass(minutes{3});
    REQUIRE(state(job) == JobState::failed);
    return job;
  }

  JobId cancelled() {
    const JobId job = submit("cancelled");
    const SchedulerJobId id = allocation();
    ScriptedRunner one = begin(job, id);
    seal(job, one, Trigger::proof);
    pass();
    api::CancelRequest wish;
    wish.idempotency_key = "key-cancel";
    REQUIRE(commands->cancel(job, wish));
    one.write(store::AttemptEventKind::term_seen);
    pass(seconds{2});
    one.end(EndReason::interrupted, {}, "the scheduler ended the allocation");
    pass(minutes{3});
    REQUIRE(state(job) == JobState::cancelled);
    REQUIRE(commands->attempts(job)->front().end_reason == EndReason::cancelled);
    return job;
  }

  JobId held_outside() {
    const JobId job = submit("held");
    const SchedulerJobId id = allocation();
    ScriptedRunner one = begin(job, id);
    one.end(EndReason::requeued);
    auto& shown = scheduler.job(id).allocation;
    ++shown.restart_count;
    shown.state = AllocationState::held;
    shown.raw_state = "PENDING";
    shown.reason = "JobHeldUser";
    pass(seconds{20});
    REQUIRE(state(job) == JobState::parked);
    return job;
  }

  JobId waiting() {
    const JobId job = submit("waiting");
    pass();
    return job;
  }
};

} // namespace

TEST_CASE("a registry that is made again from the store says the same, row by row") {
  const TempFolder folder;
  RichWorld world;
  const JobId rolled = world.rolled_back();
  world.lost_and_parked();
  world.completed();
  world.lost_then_completed();
  const JobId cancelled = world.cancelled();
  world.held_outside();
  world.waiting();
  const auto submissions = world.scheduler.calls("submit");
  const std::int64_t last = *world.registry->last_seq();
  world.stop_daemon();
  const Rows before = rows_of(world.registry_file());
  REQUIRE(before.at("jobs").size() == 7);
  REQUIRE(before.at("attempts").size() >= 10);
  world.start_daemon(true);
  CHECK(*world.registry->last_seq() > last); // whoever reads on from there misses nothing
  const auto events = *world.registry->events_after(0, rolled, 1000);
  CHECK(std::is_sorted(events.begin(), events.end(), [](const auto& a, const auto& b) {
    return a.row.at < b.row.at;
  }));
  world.stop_daemon();
  const Rows after = rows_of(world.registry_file());
  for (const auto& [table, rows] : before) {
    const auto found = after.find(table);
    REQUIRE_MESSAGE(found != after.end(), table);
    for (const std::string& row : rows) {
      CHECK_MESSAGE(found->second.count(row) == rows.count(row), table << " has lost\n" << row);
    }
    for (const std::string& row : found->second) {
      CHECK_MESSAGE(rows.count(row) == found->second.count(row), table << " has gained\n" << row);
    }
  }
  // And it goes on from there: nothing is started again.
  world.start_daemon();
  world.pass(minutes{5});
  CHECK(world.scheduler.calls("submit") == submissions);
  CHECK(world.state(cancelled) == JobState::cancelled);
  CHECK(world.state(rolled) == JobState::running);
}
