#include "client/format.hpp"
#include "client/job_tables.hpp"
#include "client/lineage.hpp"
#include "client/overview_text.hpp"
#include "client/progress.hpp"
#include "client/reasons.hpp"
#include "client/screen.hpp"
#include "client/timeline.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::client;

namespace {

const TimePoint kStart{seconds{1'800'000'000}};
const TimePoint kNow = kStart + minutes{100};

api::AttemptView attempt(std::int64_t n, Duration from, std::optional<Duration> to) {
  api::AttemptView view;
  view.n = AttemptId{n};
  view.node = "n" + std::to_string(n);
  view.submitted_at = kStart + from;
  view.started_at = kStart + from + minutes{10};
  view.state = to ? AttemptState::ended : AttemptState::running;
  if (to) {
    view.ended_at = kStart + *to;
    view.end_reason = EndReason::node_fail;
    view.reason = "node n1 died";
  }
  return view;
}

api::GenerationView sealed(std::int64_t id, std::int64_t by, Duration at) {
  api::GenerationView view;
  view.id = GenerationId{id};
  view.attempt = AttemptId{by};
  view.state = GenerationState::sealed;
  view.frozen_at = view.sealed_at = kStart + at;
  return view;
}

JobDetails two_attempts() {
  JobDetails details;
  details.job.id = JobId{7};
  details.job.state = JobState::running;
  details.job.attempts_count = 2;
  details.attempts = {attempt(1, minutes{0}, minutes{50}), attempt(2, minutes{50}, std::nullopt)};
  details.attempts.front().lost = minutes{20};
  details.generations = {sealed(1, 1, minutes{30}), sealed(2, 2, minutes{80})};
  details.job.current_attempt = details.attempts.back();
  details.job.latest_generation = details.generations.back();
  return details;
}

} // namespace

TEST_CASE("a timeline: waiting, running, checkpoints, lost work; within its width") {
  const std::string text = timeline(two_attempts(), kNow, 80);
  const auto lines = split_lines(text);
  REQUIRE(lines.size() == 4);
  for (const std::string& line : lines) {
    CHECK(display_width(line) <= 80);
  }
  const std::string first = lines[1].substr(14);
  const std::string second = lines[2].substr(14);
  CHECK(lines[1].starts_with("1 n1"));
  CHECK(first.front() == '.');
  CHECK(first.find('o') == 19); // 30 of 100 minutes on 66 columns
  CHECK(first.find("oxx") != std::string::npos);
  CHECK(first.find("x=") == std::string::npos);
  CHECK(second.find('x') == std::string::npos);
  CHECK(second.starts_with(std::string(32, ' ')));
  CHECK(second.find('o') == 52);
  CHECK(second.back() == '=');
}

TEST_CASE("a requeued attempt waits from the end of the one before") {
  JobDetails details = two_attempts();
  details.attempts[1].submitted_at = kStart;
  CHECK(timeline(details, kNow, 80) == timeline(two_attempts(), kNow, 80));
}

TEST_CASE("a timeline of what has not begun, in no room, or of very many attempts") {
  JobDetails details = two_attempts();
  CHECK(timeline(details, kNow, 20).empty());
  details.attempts = {api::AttemptView{}};
  CHECK(timeline(details, kNow, 80).empty());
  details.attempts.clear();
  for (int i = 0; i < 40; ++i) {
    details.attempts.push_back(attempt(i + 1, minutes{i * 2}, minutes{i * 2 + 2}));
  }
  const std::string text = timeline(details, kNow, 80);
  CHECK(split_lines(text).size() == 14);
  CHECK(text.find("28 older not shown") != std::string::npos);
}

TEST_CASE("why: what it waits for, and what to type") {
  JobDetails details = two_attempts();
  CHECK(why(details, kNow).find("j-7 runs on n2") == 0);
  CHECK(why(details, kNow).find("Its newest checkpoint is g2 (20m ago)") != std::string::npos);

  details.job.state = JobState::queued;
  details.job.current_attempt->state = AttemptState::pending;
  details.job.current_attempt->reason = "Priority";
  details.job.current_attempt->scheduler_job_id = SchedulerJobId{"4711"};
  const std::string waits = why(details, kNow);
  CHECK(waits.find("in the queue as Slurm job 4711: others are before it") != std::string::npos);
  CHECK(waits.find("attempt (1 on n1) lost its node: node n1 died.") != std::string::npos);

  details.job.state = JobState::parked;
  details.job.reason = "3 attempts in a row made no progress";
  CHECK(why(details, kNow).find("parked: 3 attempts") != std::string::npos);
  CHECK(why(details, kNow).find("`ckpt restart j-7`") != std::string::npos);
  details.attempts.back().ended_at = kNow;
  details.attempts.back().reason = details.job.reason;
  CHECK(why(details, kNow).find("attempt (") == std::string::npos); // said already

  details.job.state = JobState::failed;
  details.job.exit_code = 2;
  details.job.stdout_path = "/home/u/slurm-1.out";
  details.job.reason = "exit status 2";
  CHECK(why(details, kNow).starts_with("j-7 failed (exit status 2). What the program said"));
  CHECK(why(details, kNow).find("g2: `ckpt restart j-7` goes on from there") != std::string::npos);
  details.job.latest_generation.reset();
  CHECK(why(details, kNow).find("It has no checkpoint: `ckpt restart j-7` begins anew.") !=
        std::string::npos);
  details.job.warnings = {{"dependent_waits", "Slurm job 9 (post) waits for it", "`x`", {}},
                          {"gpu", "something else", "", {}}};
  CHECK(why(details, kNow).find("Slurm job 9 (post) waits for it: `x`.") != std::string::npos);
  CHECK(why(details, kNow).find("something else") == std::string::npos);
  details.job.warnings.clear();
  CHECK(why(details, kNow).find("exit status 2") != std::string::npos);
  CHECK(why(details, kNow).find("/home/u/slurm-1.out") != std::string::npos);
  details.job.attempts_count = 0;
  CHECK(why(details, kNow).find("restart") == std::string::npos);
  details.job.state = JobState::queued;
  details.job.reason.clear();
  details.attempts.clear();
  details.job.current_attempt.reset();
  CHECK(why(details, kNow).find("j-7 waits: it was submitted only now") == 0);
}

TEST_CASE("why: a job that was restarted tells what comes next") {
  JobDetails details = two_attempts();
  details.job.state = JobState::queued;
  details.job.scheduler = SchedulerKind::slurm;
  details.job.reason = "restarted by the user";
  details.attempts.back().state = AttemptState::ended;
  details.job.current_attempt = details.attempts.back();
  CHECK(why(details, kNow) == "j-7 was restarted by the user. It waits for an allocation from "
                              "Slurm, and goes on from g2.");
  details.job.reason = "restarted by the user from g1; --stop-after has done its work";
  CHECK(why(details, kNow).ends_with("and goes on from there."));
  details.job.current_attempt->state = AttemptState::pending;
  details.job.current_attempt->scheduler_job_id = SchedulerJobId{"4711"};
  CHECK(why(details, kNow)
            .starts_with("j-7 waits in the queue as Slurm job 4711. It was restarted "
                         "by the user from g1"));
  CHECK(why(details, kNow).ends_with("and goes on from there when it runs."));
  details.job.scheduler = SchedulerKind::local;
  details.job.current_attempt.reset();
  details.job.latest_generation.reset();
  details.job.reason = "restarted by the user";
  CHECK(why(details, kNow) ==
        "j-7 was restarted by the user. It is about to start on this machine, "
        "and begins anew, since it has no checkpoint.");
}

TEST_CASE("what was removed takes no room any more") {
  api::GenerationView gone = sealed(1, 1, minutes{30});
  gone.bytes = 32'800'000;
  gone.stored_bytes = 7'000'000;
  CHECK(generations_text({gone}, kNow, 80).find("7.0 MB") != std::string::npos);
  gone.state = GenerationState::pruned;
  const std::string text = generations_text({gone}, kNow, 80);
  CHECK(text.find("7.0 MB") == std::string::npos);
  CHECK(text.find("32.8 MB       -") != std::string::npos);
}

TEST_CASE("why: no engine: the cause once, and what helps") {
  JobDetails details = two_attempts();
  details.attempts.resize(1);
  details.attempts.front().end_reason = EndReason::launch_failed;
  details.attempts.front().reason = "no engine can checkpoint this program here; dmtcp: there is "
                                    "no DMTCP in PATH; criu: there is no criu";
  details.generations.clear();
  details.job.latest_generation.reset();
  details.job.state = JobState::parked;
  details.job.reason = "the program could not be started: " + details.attempts.front().reason;
  const std::string text = why(details, kNow);
  CHECK(text.find("no DMTCP in PATH") == text.rfind("no DMTCP in PATH"));
  CHECK(text.find("launch_failed") == std::string::npos);
  const auto doctor = text.find("`ckpt doctor`");
  CHECK(doctor != std::string::npos);
  CHECK(text.find("`ckpt restart j-7` begins anew.", doctor) != std::string::npos);

  details.attempts.front().reason = "the folder is gone";
  details.job.reason = "3 attempts in a row made no progress";
  CHECK(why(details, kNow).find("(1 on n1) could not start the program: the folder is gone.") !=
        std::string::npos);
  CHECK(why(details, kNow).find("`ckpt logs j-7 --runner`") != std::string::npos);
}

TEST_CASE("why: an allocation that was ended from outside is not explained before it is known") {
  JobDetails details = two_attempts();
  details.job.state = JobState::queued;
  details.job.reason = "its allocation was ended from outside; asking Slurm why";
  details.attempts.back().state = AttemptState::ended;
  details.attempts.back().ended_at = kNow;
  details.attempts.back().end_reason = EndReason::interrupted;
  details.job.current_attempt = details.attempts.back();
  CHECK(why(details, kNow) == "j-7 waits: " + details.job.reason + ".");
}

TEST_CASE("behind a rollback: what is newer is abandoned, and said to be") {
  JobDetails details = two_attempts();
  details.generations.insert(details.generations.begin() + 1, sealed(2, 1, minutes{40}));
  details.generations.back() = sealed(4, 2, minutes{80});
  details.attempts.push_back(attempt(3, minutes{90}, std::nullopt));
  details.attempts.back().job = details.job.id;
  details.attempts.back().started_from = GenerationRef{details.job.id, GenerationId{1}};
  CHECK(abandoned(details.generations, details.attempts) ==
        std::vector{GenerationId{2}, GenerationId{4}});
  const std::string table =
      generations_text(with_abandoned(details.generations, details.attempts), kNow, 80);
  CHECK(table.find("g2, g4: abandoned") != std::string::npos);
  details.job.latest_generation = details.generations.front();
  CHECK(why(details, kNow)
            .find("g2, g4 are newer, but abandoned, and the checkpoint that it goes "
                  "on from is g1 (") != std::string::npos);
  // Without a rollback there is nothing to say.
  CHECK(abandoned(two_attempts().generations, {}).empty());
}

TEST_CASE("a stop loses nothing to be drawn, unless somebody goes back behind it") {
  JobDetails details = two_attempts();
  details.attempts.front().end_reason = EndReason::stopped;
  details.generations.front().trigger = Trigger::stop;
  CHECK(split_lines(timeline(details, kNow, 80))[1].find('x', 14) == std::string::npos);
  details.attempts.front().lost = minutes{30};
  const std::string first = split_lines(timeline(details, kNow, 80))[1].substr(14);
  CHECK(first.find("=x") == 12); // 20 of 100 minutes on 66 columns
  CHECK(first.find("xox") != std::string::npos);
}

TEST_CASE("reasons that a table has no room for stand below it, whole") {
  JobDetails details = two_attempts();
  for (api::GenerationView& one : details.generations) {
    one.reason = "the job has completed, and keeps none after success";
  }
  details.generations.front().pinned = true;
  const std::string narrow = generations_text(details.generations, kNow, 80);
  CHECK(narrow.find("…") == std::string::npos);
  CHECK(narrow.find("g1, g2: the job has completed, and keeps none after success\n") !=
        std::string::npos);
  CHECK(narrow.find("* pinned") != std::string::npos);
  const std::string wide = generations_text(details.generations, kNow, 160);
  CHECK(wide.find("REASON") != std::string::npos);
  CHECK(wide.find("g1, g2:") == std::string::npos);
  details.attempts.front().reason = "node n1 died, and the controller gave the allocation up";
  const std::string attempts = attempts_text(details.attempts, kNow, 80);
  CHECK(attempts.find("attempt 1: node n1 died, and") != std::string::npos);
  for (const std::string& text : {narrow, attempts}) {
    for (const std::string& line : split_lines(text)) {
      CHECK(display_width(line) <= 80);
    }
  }
}

TEST_CASE("in 80 columns a list of jobs has room for the reason, not for the restarts") {
  api::JobView job = two_attempts().job;
  job.name = "simulation";
  job.state = JobState::parked;
  job.reason = "stopped by the user";
  const std::string narrow = jobs_text({job}, kNow, 80);
  CHECK(narrow.find("stopped by the user") != std::string::npos);
  CHECK(narrow.find("RESTARTS") == std::string::npos);
  CHECK(jobs_text({job}, kNow, 120).find("RESTARTS") != std::string::npos);
  job.reason = "waiting for the scheduler's next scheduling cycle";
  const std::string below = jobs_text({job, job}, kNow, 80);
  CHECK(below.find("\nj-7, j-7: " + job.reason + "\n") != std::string::npos);
  CHECK(below.find("RESTARTS") != std::string::npos);
  for (const std::string& line : split_lines(below + jobs_text(std::vector(30, job), kNow, 80))) {
    CHECK(display_width(line) <= 80);
  }
  job.reason.clear();
  CHECK(jobs_text({job}, kNow, 80).find("RESTARTS") != std::string::npos);
}

TEST_CASE("nodes: why one is not used stands below the table, whole") {
  api::NodeView node{"n1", "drained", "replacing a fan, back on Monday morning, says the operator"};
  node.partitions = {"debug"};
  node.refusals_count = 2;
  node.last_refusal = "the CPU lacks avx512f";
  const std::string text = nodes_text({node}, kNow, 80);
  CHECK(text.find("\nn1: replacing a fan") != std::string::npos);
  CHECK(text.find("2 restarts") != std::string::npos);
  for (const std::string& line : split_lines(text)) {
    CHECK(display_width(line) <= 80);
  }
}

TEST_CASE("processes: what cannot be seen from here is no number") {
  api::ProcessView runner{4711, 0, "ckpt-runner", "runner", "unknown", "n1", {}, {}};
  const std::string text = processes_table({runner}).str(80);
  CHECK(text.find("4711     -  n1    runner  -") != std::string::npos);
  CHECK(text.find("unknown") == std::string::npos);
}

TEST_CASE("progress: bytes, rate, time left; nothing that is not known") {
  CHECK(progress_text({"verifying", 0, 1'000'000}, Duration{0}) == "0 B of 1.0 MB");
  CHECK(progress_text({"verifying", 500'000'000, 2'000'000'000}, seconds{5}) ==
        "500 MB of 2.0 GB, 100 MB/s, 16s left");
  CHECK(progress_text({"writing", 500'000'000, std::nullopt}, seconds{5}) == "500 MB, 100 MB/s");
  CHECK(progress_text({"verifying", 2'000'000, 2'000'000}, seconds{2}) ==
        "2.0 MB of 2.0 MB, 1.0 MB/s");
}

TEST_CASE("a frame is cut to its rows, and leaves nothing of an older one") {
  const std::string shown = frame("a\nb\nc\n", 2, "… (`ckpt ls` has the rest)");
  CHECK(shown == "\033[Ha\033[K\r\n… (`ckpt ls` has the rest)\033[K\033[J");
  CHECK(frame("a\nb\n", 2, "…") == "\033[Ha\033[K\r\nb\033[K\033[J");
  CHECK(frame("a\n", 5, "…") == "\033[Ha\033[K\033[J");
}

TEST_CASE("numbers for people") {
  api::StatsView stats;
  stats.jobs = {{"running", 2}, {"parked", 0}};
  stats.checkpoints = {{Trigger::interval, "sealed", 10}, {Trigger::manual, "failed", 1}};
  stats.blocked = {10, seconds{20}, seconds{5}};
  stats.raw_bytes = 1'000'000;
  stats.stored_bytes = 250'000;
  stats.accounting = {hours{10}, minutes{6}, hours{9}, seconds{20}, hours{1}};
  std::string text;
  for (const auto& [label, line] : stats_lines(stats)) {
    text += label + ": " + line + "\n";
  }
  CHECK(text.find("jobs: 2 running\n") != std::string::npos);
  CHECK(text.find("checkpoints: 10 sealed (10 interval), 1 failed\n") != std::string::npos);
  CHECK(text.find("lost: 6m (1.0 %)") != std::string::npos);
  CHECK(text.find("stored: 250 kB (1.0 MB uncompressed)") != std::string::npos);
  CHECK(pruned_text({}, {}, false).find("Nothing to remove") == 0);
  const std::string pruned =
      pruned_text({{JobId{7}, GenerationId{1}, 300'000, "beyond keep 2"}}, {}, true);
  CHECK(pruned == "j-7 g1: 300 kB, beyond keep 2\n300 kB would be freed\n");
  const std::string held = pruned_text({}, {{JobId{7}, true, 4, 2}, {JobId{8}, false, 3, 1}}, true);
  CHECK(held.find("policies keep") == std::string::npos);
  CHECK(held.find("j-7 has 4 checkpoints, --keep is 2: it runs, and") != std::string::npos);
  CHECK(held.find("j-8 has 3 checkpoints, --keep is 1: its runner may") != std::string::npos);
}
