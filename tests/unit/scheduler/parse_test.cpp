#include "core/base/strings.hpp"
#include "core/scheduler/slurm/parse.hpp"

#include <doctest/doctest.h>

#include <map>

#include "test_support.hpp"

using namespace ckpt;
using namespace ckpt::scheduler::slurm;
using test::slurm_data;

namespace {

constexpr const char* kSeparator = "|ab12cd34|"; // of the recorded data

std::map<std::string, Allocation> recorded(const std::string& name) {
  const auto parsed = parse_queue(slurm_data(name), kSeparator);
  REQUIRE(parsed);
  std::map<std::string, Allocation> by_id;
  for (const Allocation& allocation : *parsed) {
    CHECK(by_id.emplace(allocation.id.value, allocation).second);
    CHECK(allocation.state != AllocationState::unknown);
  }
  return by_id;
}

TimePoint at(std::int64_t since_1970) {
  return TimePoint(seconds{since_1970});
}

std::string record(std::vector<std::string> fields) {
  std::string text;
  for (const std::string& field : fields) {
    text += field + kSeparator;
  }
  return text + "\n";
}

std::vector<std::string> running(const std::string& id, const std::string& name) {
  return {id,
          "RUNNING",
          "None",
          "0",
          "1",
          "2",
          "3",
          "10:00",
          "n1",
          "N/A",
          "0",
          "p",
          "1",
          name,
          "c",
          "(null)"};
}

} // namespace

TEST_CASE("recorded squeue output: every job once, whatever its name holds") {
  const auto jobs = recorded("squeue-mixed.txt");
  CHECK(jobs.size() == 26);

  const Allocation& odd = jobs.at("22");
  CHECK(odd.name == "two\nlines | and ünï");
  CHECK(odd.comment == "mine, \"x\"|y token=0011");
  CHECK(odd.state == AllocationState::running);
  CHECK(odd.raw_state == "RUNNING");
  CHECK(odd.node == "n2");
  CHECK(odd.started_at == at(1795246691));
  CHECK(odd.ends_at == at(1795340531));
  CHECK(odd.time_limit == hours{26} + minutes{4});
  CHECK(odd.requeue_allowed == true);
  CHECK_FALSE(odd.exit_code);
  CHECK_FALSE(odd.preempt_at);

  CHECK(jobs.at("1").name == "na|me\nnext line");
  CHECK(jobs.at("1").state == AllocationState::completed);
  CHECK(jobs.at("1").exit_code == 0);
  CHECK(jobs.at("18").comment.empty());
  CHECK(jobs.at("19").state == AllocationState::failed);
  CHECK(jobs.at("19").exit_code == 7);
  CHECK(jobs.at("20").signal == 9);
  CHECK_FALSE(jobs.at("20").exit_code);
  CHECK(jobs.at("2").restart_count == 1);
  CHECK(jobs.at("2").state == AllocationState::cancelled);
  CHECK(jobs.at("2").signal == 15);
}

TEST_CASE("recorded squeue output: array and heterogeneous ids pass unharmed") {
  const auto jobs = recorded("squeue-mixed.txt");
  for (const char* id : {"3_1", "3_2", "3_3", "6+0", "6+1", "23_1", "23_2"}) {
    CHECK(jobs.count(id) == 1);
  }
}

TEST_CASE("recorded squeue output: pending jobs have no start, and no limit is no end") {
  const auto jobs = recorded("squeue-mixed.txt");
  const Allocation& later = jobs.at("25");
  CHECK(later.state == AllocationState::pending);
  CHECK(later.reason == "BeginTime");
  CHECK(later.eligible_at == at(1795250291));
  CHECK_FALSE(later.started_at);
  CHECK_FALSE(later.ends_at);
  CHECK(later.node.empty());
  CHECK(jobs.at("24").state == AllocationState::held);
  // Without a limit Slurm shows UNLIMITED and NONE at first, then 365 days.
  for (const char* id : {"27", "23_1"}) {
    CHECK(jobs.at(id).state == AllocationState::running);
    CHECK(jobs.at(id).started_at);
    CHECK_FALSE(jobs.at(id).time_limit);
    CHECK_FALSE(jobs.at(id).ends_at);
  }
}

TEST_CASE("recorded squeue output: a preemption with grace shows only in its time") {
  const Allocation job = recorded("squeue-preempting.txt").at("41");
  CHECK(job.state == AllocationState::running);
  CHECK(job.preempt_at == at(1795247762));
  CHECK(job.ends_at == at(1795247782));
  CHECK(recorded("squeue-completing.txt").at("41").state == AllocationState::completing);
}

TEST_CASE("no text of the user's can fake a record") {
  const std::string forged = "x|\n99|RUNNING|None|0|1|2|3|10:00|n1|N/A|0|p|1|fake|c|\n99";
  const auto parsed =
      parse_queue(record(running("7", forged)) + record(running("8", "b")), kSeparator);
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 2);
  CHECK(parsed->at(0).name == forged);
  CHECK(parsed->at(1).id.value == "8");
}

TEST_CASE("what is not squeue's table is an error, not an empty list") {
  CHECK(parse_queue("", kSeparator)->empty());
  CHECK(parse_queue("\n", kSeparator)->empty());
  const std::string good = record(running("7", "a"));
  for (const std::string& bad : {std::string("welcome\n"),
                                 good.substr(0, good.size() - 12), // cut off
                                 "motd\n" + good,
                                 good + "warning: x\n" + good,
                                 record({"7", "RUNNING"})}) {
    CAPTURE(bad);
    const auto parsed = parse_queue(bad, kSeparator);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == "scheduler_unreadable");
    CHECK(parsed.error().outcome == Outcome::retryable);
  }
}

TEST_CASE("a state of a newer Slurm is carried as it is") {
  auto fields = running("7", "a");
  fields[1] = "TELEPORTING";
  const auto parsed = parse_queue(record(fields), kSeparator);
  REQUIRE(parsed);
  CHECK(parsed->front().state == AllocationState::unknown);
  CHECK(parsed->front().raw_state == "TELEPORTING");
}

TEST_CASE("sacct: the last record of a requeued job, with its count") {
  const auto row = [](const std::string& id,
                      const std::string& state,
                      const std::string& exit,
                      const std::string& name) {
    return join({id, state, "None", exit, "1", "2", "3", "n1", "p", name, "two\nlines"}, "|x|");
  };
  const auto parsed = parse_accounting(row("7", "NODE_FAIL", "0:0", "a") + "\n" +
                                           row("8_2", "CANCELLED by 0", "0:15", "b\nc") + "\n" +
                                           row("7", "FAILED", "7:0", "a|b") + "\n",
                                       "|x|");
  REQUIRE(parsed);
  REQUIRE(parsed->size() == 2);
  const Allocation& requeued = parsed->at(0);
  CHECK(requeued.id.value == "7");
  CHECK(requeued.restart_count == 1);
  CHECK(requeued.state == AllocationState::failed);
  CHECK(requeued.exit_code == 7);
  CHECK(requeued.name == "a|b");
  CHECK(requeued.comment == "two\nlines");
  CHECK(parsed->at(1).id.value == "8_2");
  CHECK(parsed->at(1).state == AllocationState::cancelled);
  CHECK(parsed->at(1).signal == 15);
  CHECK(parsed->at(1).name == "b\nc");
  CHECK(parse_accounting("", "|x|")->empty());
  CHECK_FALSE(parse_accounting("nonsense", "|x||"));
}

TEST_CASE("recorded sacct: every end by its own name") {
  const auto parsed = parse_accounting(slurm_data("sacct-ends.txt"), "|ab12cd34|");
  REQUIRE(parsed);
  struct End {
    AllocationState state;
    std::optional<int> code;
    std::optional<int> signal;
    int restarts = 0;
    EndReason reason;
  };
  using State = AllocationState;
  const std::map<std::string, End> ends{
      {"timeout", {State::timeout, 0, {}, 0, EndReason::walltime}},
      {"completed", {State::completed, 0, {}, 0, EndReason::completed}},
      {"na|me", {State::failed, 7, {}, 0, EndReason::failed}},
      {"kill9", {State::failed, {}, 9, 0, EndReason::failed}},
      {"cancelled", {State::cancelled, 0, {}, 0, EndReason::cancelled}},
      {"by-root", {State::cancelled, 0, {}, 0, EndReason::cancelled}},
      {"pending", {State::cancelled, 0, {}, 0, EndReason::cancelled}},
      {"node-fail", {State::node_fail, 0, {}, 0, EndReason::node_fail}},
      {"node-fail-requeued", {State::pending, {}, {}, 1, EndReason::unknown}},
      {"preempted", {State::preempted, 0, {}, 0, EndReason::preempted}},
      {"requeued", {State::failed, 3, {}, 1, EndReason::failed}},
      {"deadline", {State::deadline, 1, {}, 0, EndReason::walltime}}};
  CHECK(parsed->size() == ends.size());
  for (const Allocation& allocation : *parsed) {
    CAPTURE(allocation.name);
    REQUIRE(ends.contains(allocation.name));
    const End& end = ends.at(allocation.name);
    CHECK(allocation.state == end.state);
    CHECK(allocation.exit_code == end.code);
    CHECK(allocation.signal == end.signal);
    CHECK(allocation.restart_count == end.restarts);
    CHECK(end_reason_from_allocation(allocation) == end.reason);
    CHECK(allocation.ends_at.has_value() == is_over(end.state));
    CHECK(allocation.node.empty() ==
          (allocation.name == "pending" || allocation.name == "deadline" || !is_over(end.state)));
  }
}

TEST_CASE("recorded sinfo: nodes that drain, or are in a maintenance reservation") {
  const auto leaving = parse_leaving_nodes(slurm_data("sinfo-nodes.txt"), "|ab12cd34|");
  CHECK(leaving ==
        std::map<std::string, std::string>{{"n1", "node n1 is being drained: bad disk | soon"},
                                           {"n2", "node n2 is in a maintenance reservation"}});
  CHECK(
      parse_leaving_nodes("n1|x|idle|x|none|x|\nn2|x|down*|x|Not responding|x|\n", "|x|").empty());
  CHECK(parse_leaving_nodes("", "|x|").empty());
  CHECK(parse_leaving_nodes("welcome", "|x|").empty());
}

TEST_CASE("recorded scontrol show partition: where a preemption is announced") {
  const auto grace = parse_grace_times(slurm_data("scontrol-show-partition.txt"));
  CHECK(grace == std::map<std::string, Duration>{{"debug", seconds{20}}});
  CHECK(parse_grace_times("PartitionName=a GraceTime=60 PreemptMode=OFF\n").empty());
  CHECK(parse_grace_times("nonsense\n").empty());
}

TEST_CASE("sbatch's id") {
  CHECK(parse_submitted_id("4711\n") == "4711");
  CHECK(parse_submitted_id("4711;cluster\n") == "4711");
  CHECK(parse_submitted_id("Your project has 3 hours left\n4711\n") == "4711");
  CHECK_FALSE(parse_submitted_id(""));
  CHECK_FALSE(parse_submitted_id("Submitted batch job 4711"));
}

TEST_CASE("times and limits in all their forms") {
  CHECK_FALSE(parse_time("2020226022620200220")); // found by fuzzing
  CHECK_FALSE(parse_limit("99999999999999-00:00:00"));
  CHECK_FALSE(parse_limit("99999999999999999:00:00"));
  CHECK(parse_time("1795246691") == at(1795246691));
  CHECK(parse_time("2026-11-21T07:38:11") == at(1795246691));
  for (const char* nothing : {"N/A", "NONE", "Unknown", "None", "", "0", "(null)"}) {
    CHECK_FALSE(parse_time(nothing));
  }
  CHECK(parse_limit("10:00") == minutes{10});
  CHECK(parse_limit("0:30") == seconds{30});
  CHECK(parse_limit("1:00:00") == hours{1});
  CHECK(parse_limit("1-02:03:04") == hours{26} + minutes{3} + seconds{4});
  for (const char* nothing :
       {"UNLIMITED", "NOT_SET", "INVALID", "365-00:00:00", "Partition_Limit", ""}) {
    CHECK_FALSE(parse_limit(nothing));
  }
}

TEST_CASE("recorded scontrol show config") {
  const auto config = parse_config(slurm_data("scontrol-show-config.txt"));
  CHECK(config.at("ClusterName") == "schedtest");
  CHECK(config.at("KillWait") == "5 sec");
  CHECK(config.at("SLURM_VERSION") == "22.05.8");
}
