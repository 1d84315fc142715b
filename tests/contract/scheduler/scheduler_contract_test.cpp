// What every scheduler has to keep: the fake, this machine, and a real Slurm where there is one.
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/domain/array.hpp"
#include "core/scheduler/dependency.hpp"
#include "tests/support/wait_until.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "bench.hpp"

using namespace ckpt;
using namespace ckpt::test;
using scheduler::Submission;

namespace {

constexpr std::chrono::seconds kPatience{40};

std::optional<Allocation> find(Bench& bench, const SubmissionToken& token) {
  const auto all = bench.scheduler().snapshot();
  REQUIRE(all);
  std::optional<Allocation> found;
  for (const Allocation& allocation : *all) {
    if (scheduler::token_of(allocation) == token) {
      CHECK_FALSE(found); // one submission is one allocation
      found = allocation;
    }
  }
  return found;
}

Allocation wait_for(Bench& bench,
                    const SubmissionToken& token,
                    const std::function<bool(const Allocation&)>& condition) {
  std::optional<Allocation> seen;
  const bool came = wait_until(
      [&] {
        bench.let_happen();
        seen = find(bench, token);
        return seen && condition(*seen);
      },
      kPatience);
  REQUIRE(seen);
  CAPTURE(seen->raw_state + " " + seen->reason);
  CHECK(came);
  return *seen;
}

bool runs(const Allocation& allocation) {
  return allocation.state == AllocationState::running;
}
bool over(const Allocation& allocation) {
  return is_over(allocation.state);
}

SchedulerJobId submit(Bench& bench, const Submission& submission) {
  const auto id = bench.scheduler().submit(submission);
  REQUIRE_MESSAGE(id, (id ? "" : id.error().message));
  return *id;
}

/// Runs the body once for each scheduler that there is.
template <class Body> void on_each(Body body) {
  for (const BenchMaker& maker : benches()) {
    SUBCASE(maker.name.c_str()) {
      const auto bench = maker.make();
      body(*bench);
    }
  }
}

} // namespace

TEST_CASE("a submission is found by its token, and tells where and since when it runs") {
  on_each([](Bench& bench) {
    Submission wish = bench.submission(Program::sleeps);
    wish.time_limit = minutes{30};
    const SchedulerJobId id = submit(bench, wish);
    const Allocation job = wait_for(bench, wish.token, runs);
    CHECK(job.id == id);
    CHECK(job.name == wish.name);
    CHECK(job.restart_count == 0);
    CHECK_FALSE(job.node.empty());
    CHECK(job.time_limit == minutes{30});
    REQUIRE(job.started_at);
    CHECK(job.ends_at == *job.started_at + minutes{30});
    CHECK_FALSE(job.exit_code);
    CHECK(bench.scheduler().look_up({id})->front().id == id);
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("without a limit there is no end") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    CHECK_FALSE(wait_for(bench, wish.token, runs).ends_at);
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("the exit status is told") {
  on_each([](Bench& bench) {
    const Submission good = bench.submission(Program::succeeds);
    const Submission bad = bench.submission(Program::fails);
    submit(bench, good);
    submit(bench, bad);
    const Allocation completed = wait_for(bench, good.token, over);
    CHECK(completed.state == AllocationState::completed);
    CHECK(completed.exit_code == 0);
    const Allocation failed = wait_for(bench, bad.token, over);
    CHECK(failed.state == AllocationState::failed);
    CHECK(failed.exit_code == 7);
    CHECK_FALSE(failed.signal);
  });
}

TEST_CASE("cancelled is cancelled, and may be said twice") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    wait_for(bench, wish.token, runs);
    CHECK(bench.scheduler().cancel(id));
    CHECK(wait_for(bench, wish.token, over).state == AllocationState::cancelled);
    CHECK(bench.scheduler().cancel(id));
    CHECK(find(bench, wish.token)->state == AllocationState::cancelled);
    if (bench.is_real()) {
      CHECK(wait_until(
          [&] { return processes_with_environment("CKPT_MARK=" + wish.token.value).empty(); }));
    }
  });
}

TEST_CASE("what ignores TERM is killed") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::stubborn);
    const SchedulerJobId id = submit(bench, wish);
    wait_for(bench, wish.token, runs);
    CHECK(bench.scheduler().cancel(id));
    CHECK(wait_for(bench, wish.token, over).state == AllocationState::cancelled);
    if (bench.is_real()) {
      CHECK(wait_until(
          [&] { return processes_with_environment("CKPT_MARK=" + wish.token.value).empty(); }));
    }
  });
}

TEST_CASE("the doorbell reaches the batch process") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    wait_for(bench, wish.token, runs);
    // One that comes before the script is ready is lost, by design.
    CHECK(wait_until([&] { return bench.scheduler().ring(id) && bench.rings(id) > 0; }, kPatience));
    CHECK(runs(*find(bench, wish.token)));
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("a requeue keeps the id, counts, and start_now takes its wait away") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::fails);
    const SchedulerJobId id = submit(bench, wish);
    const Allocation first = wait_for(bench, wish.token, over);
    CHECK(first.requeue_allowed == true);
    CHECK(bench.scheduler().requeue(id));
    CHECK(wait_until([&] { return bench.scheduler().start_now(id).has_value(); }));
    const Allocation second = wait_for(bench, wish.token, [](const Allocation& allocation) {
      return is_over(allocation.state) && allocation.restart_count == 1;
    });
    CHECK(second.id == id);
    CHECK(second.exit_code == 7);
  });
}

TEST_CASE("what nobody knows") {
  on_each([](Bench& bench) {
    const SchedulerJobId stranger{bench.name() == "local" ? "local-99999" : "3999999"};
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    const auto found = bench.scheduler().look_up({stranger, id});
    CHECK(found.value().size() == 1);
    CHECK(bench.scheduler().look_up({stranger})->empty());
    CHECK(bench.scheduler().cancel(stranger));
    for (const Status& status : {bench.scheduler().requeue(stranger),
                                 bench.scheduler().ring(stranger),
                                 bench.scheduler().start_now(stranger)}) {
      REQUIRE_FALSE(status);
      CHECK(status.error().cls == ErrorClass::not_found);
      CHECK(status.error().outcome == Outcome::permanent);
    }
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("a held allocation says so, and goes on when it is released") {
  on_each([](Bench& bench) {
    if (bench.scheduler().kind() == SchedulerKind::slurm) { // nothing waits for this machine
      Submission wish = bench.submission(Program::succeeds);
      wish.args.push_back("--begin=now+1hour");
      const SchedulerJobId id = submit(bench, wish);
      CHECK(bench.scheduler().hold(id));
      CHECK(find(bench, wish.token)->state == AllocationState::held);
      CHECK(bench.scheduler().release(id));
      CHECK(bench.scheduler().start_now(id));
      CHECK(wait_for(bench, wish.token, over).state == AllocationState::completed);
    }
    // What runs goes on, and does not start again.
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    wait_for(bench, wish.token, runs);
    CHECK(bench.scheduler().hold(id));
    CHECK(runs(wait_for(bench, wish.token, is_held)));
    if (bench.scheduler().kind() == SchedulerKind::slurm) { // on this machine runners ask first
      CHECK(bench.scheduler().requeue(id));
      const auto waits = [](const Allocation& one) { return one.state == AllocationState::held; };
      CHECK(wait_for(bench, wish.token, waits).restart_count == 1);
      CHECK(bench.scheduler().start_now(id));
    }
    CHECK(bench.scheduler().release(id));
    CHECK(bench.scheduler().release(id)); // of what nobody holds
    wait_for(bench, wish.token, [](const auto& one) { return runs(one) && !is_held(one); });
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("what waits for another one says so, and can be told to wait for a third") {
  on_each([](Bench& bench) {
    if (bench.scheduler().kind() == SchedulerKind::local) {
      CHECK(bench.scheduler().set_dependency(SchedulerJobId{"1"}, "afterok:2").error().code ==
            "not_supported");
      return;
    }
    const Submission fails = bench.submission(Program::fails);
    const SchedulerJobId failed = submit(bench, fails);
    Submission waits = bench.submission(Program::succeeds);
    waits.args = {"--dependency=afterok:" + failed.value};
    const SchedulerJobId id = submit(bench, waits);
    wait_for(bench, fails.token, over);
    // For ever: Slurm keeps what it has seen.
    const Allocation stuck = wait_for(bench, waits.token, [](const Allocation& allocation) {
      return allocation.reason == "DependencyNeverSatisfied";
    });
    CHECK(stuck.state == AllocationState::pending);
    CHECK(scheduler::jobs_of_dependency(stuck.dependency) ==
          std::vector<std::string>{failed.value});
    const Submission good = bench.submission(Program::sleeps);
    const SchedulerJobId other = submit(bench, good);
    wait_for(bench, good.token, runs);
    CHECK(bench.scheduler().set_dependency(id, "afterany:" + other.value));
    const Allocation moved = wait_for(bench, waits.token, [&](const Allocation& allocation) {
      return scheduler::jobs_of_dependency(allocation.dependency) ==
             std::vector<std::string>{other.value};
    });
    CHECK(moved.state == AllocationState::pending);
    CHECK(bench.scheduler().cancel(other));
    CHECK(wait_for(bench, waits.token, over).state == AllocationState::completed);
    CHECK(bench.scheduler().set_dependency(SchedulerJobId{"999999"}, "afterok:1").error().code ==
          "no_such_allocation");
  });
}

TEST_CASE("attempts go on when the one who asked for them is gone") {
  on_each([](Bench& bench) {
    const Submission wish = bench.submission(Program::sleeps);
    const SchedulerJobId id = submit(bench, wish);
    wait_for(bench, wish.token, runs);
    bench.restart();
    CHECK(runs(*find(bench, wish.token)));
    CHECK(bench.scheduler().cancel(id));
    CHECK(wait_for(bench, wish.token, over).state == AllocationState::cancelled);
  });
}

TEST_CASE("the script runs in its folder, with its environment, and writes where it was told") {
  on_each([](Bench& bench) {
    if (!bench.is_real()) {
      return;
    }
    const Submission wish = bench.submission(Program::sleeps);
    REQUIRE(write_file_atomically(wish.output_path, "kept\n", 0644));
    const SchedulerJobId id = submit(bench, wish);
    const std::string expected = "kept\nmark=" + wish.token.value + " cwd=" + wish.cwd + "\n";
    std::string text;
    CHECK(wait_until(
        [&] {
          text = read_file(wish.output_path).value_or("");
          return text == expected;
        },
        kPatience));
    CHECK(text == expected);
    CHECK(bench.scheduler().cancel(id));
  });
}

TEST_CASE("what a scheduler says of itself") {
  on_each([](Bench& bench) {
    CHECK(bench.scheduler().ping().up);
    CHECK_FALSE(bench.scheduler().version().empty());
    CHECK_FALSE(bench.scheduler().cluster().empty());
    CHECK(bench.scheduler().kill_wait() > Duration{0});
    if (bench.name() == "slurm") {
      Submission wish = bench.submission(Program::succeeds);
      wish.args = {"--partition=nonsense"};
      const auto id = bench.scheduler().submit(wish);
      REQUIRE_FALSE(id);
      CHECK(id.error().code == "sbatch_refused");
      CHECK(id.error().outcome == Outcome::permanent);
      CHECK(id.error().message.find("nonsense") != std::string::npos);
    }
  });
}

TEST_CASE("an array is one submission of several allocations, each with its own id and token") {
  on_each([](Bench& bench) {
    Submission wish = bench.submission(Program::sleeps);
    const std::string folder = Path(wish.output_path).parent_path().string();
    wish.tasks = scheduler::SubmittedTasks{{1, 2, 7}, 2, {folder + "/out ", ""}};
    const auto array = bench.scheduler().submit(wish);
    if (bench.scheduler().kind() == SchedulerKind::local) {
      REQUIRE_FALSE(array);
      CHECK(array.error().code == "array_needs_slurm");
      return;
    }
    REQUIRE_MESSAGE(array, (array ? "" : array.error().message));
    CHECK_FALSE(task_of_id(*array));
    const auto token = [&](std::int64_t index) { return task_token(wish.token, index); };
    for (const std::int64_t index : {1, 2}) {
      CHECK(wait_for(bench, token(index), runs).id == task_id(*array, index));
    }
    // As many as may at once; the others are shown one by one all the same.
    const auto third = wait_for(bench, token(7), [](const Allocation&) { return true; });
    CHECK(third.id == task_id(*array, 7));
    CHECK(third.state == AllocationState::pending);
    CHECK_FALSE(find(bench, wish.token)); // of all of them together

    // One is requeued by its own id, which it keeps, and the others are let alone.
    REQUIRE(bench.scheduler().requeue(task_id(*array, 2)));
    const auto again = wait_for(bench, token(2), [](const Allocation& allocation) {
      return allocation.restart_count == 1 && allocation.state == AllocationState::pending;
    });
    CHECK(again.id == task_id(*array, 2));
    CHECK(wait_for(bench, token(1), runs).restart_count == 0);
    CHECK(wait_for(bench, token(7), runs).restart_count == 0);

    // One is cancelled, and its neighbours run on.
    REQUIRE(bench.scheduler().cancel(task_id(*array, 7)));
    CHECK(wait_for(bench, token(7), over).state == AllocationState::cancelled);
    CHECK(runs(wait_for(bench, token(1), [](const Allocation&) { return true; })));
    REQUIRE(bench.scheduler().start_now(task_id(*array, 2)));
    CHECK(wait_for(bench, token(2), runs).restart_count == 1);

    for (const std::int64_t index : {1, 2, 7}) { // known one by one when they are over, too
      REQUIRE(bench.scheduler().cancel(task_id(*array, index)));
      wait_for(bench, token(index), over);
      const auto seen = bench.scheduler().look_up({task_id(*array, index)});
      REQUIRE(seen);
      REQUIRE(seen->size() == 1);
      CHECK(seen->front().id == task_id(*array, index));
    }
  });
}

TEST_CASE("tasks that are cancelled before they begin are each known to be, and no others") {
  on_each([](Bench& bench) {
    if (bench.scheduler().kind() == SchedulerKind::local) {
      return;
    }
    Submission wish = bench.submission(Program::sleeps);
    wish.tasks = scheduler::SubmittedTasks{
        {3, 4, 5, 9}, 1, {Path(wish.output_path).parent_path().string() + "/out ", ""}};
    const SchedulerJobId array = submit(bench, wish);
    wait_for(bench, task_token(wish.token, 3), runs);
    const auto known = [&](std::int64_t index) {
      const auto seen = bench.scheduler().look_up({task_id(array, index)});
      REQUIRE(seen);
      REQUIRE(seen->size() == 1);
      CHECK(scheduler::token_of(seen->front()) == task_token(wish.token, index));
      return seen->front();
    };
    REQUIRE(bench.scheduler().cancel(task_id(array, 4)));
    CHECK(known(4).state == AllocationState::cancelled);
    CHECK(known(4).left_array); // nothing of it is in the queue
    CHECK_FALSE(known(5).left_array);
    CHECK(known(5).state == AllocationState::pending);
    for (const std::int64_t index : {9, 5, 3}) {
      REQUIRE(bench.scheduler().cancel(task_id(array, index)));
    }
    wait_for(bench, task_token(wish.token, 3), over);
    for (const std::int64_t index : {3, 4, 5, 9}) {
      CHECK(known(index).state == AllocationState::cancelled);
    }
    CHECK(known(9).left_array);
    CHECK_FALSE(known(3).left_array);
    CHECK(bench.scheduler().look_up({task_id({"4000000"}, 1)})->empty()); // of another array
  });
}
