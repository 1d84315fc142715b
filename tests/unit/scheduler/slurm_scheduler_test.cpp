// The adapter against a scripted Slurm (tests/fakes/slurm-bin).
#include "core/base/files.hpp"
#include "core/scheduler/scheduler.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

using namespace ckpt;
using namespace ckpt::scheduler;
using Json = nlohmann::json;

namespace {

const std::string kBin = std::string(CKPT_TEST_DATA) + "/../fakes/slurm-bin";

struct FakeSlurm {
  FakeSlurm() {
    config.kind = SchedulerKind::slurm;
    config.env = {{"PATH", kBin + ":/usr/bin:/bin"},
                  {"SLURM_CONF", "/conf"},
                  {"SQUEUE_FORMAT", "%i"},
                  {"FAKE_SLURM_DIR", folder.path().string()}};
    submission.token = {"00112233445566778899aabbccddeeff"};
    submission.name = "heat";
    submission.script = "/store/batch.sh";
    submission.cwd = "/tmp";
    submission.output_path = "/dev/null";
    submission.env = {{"PATH", "/usr/bin"}, {"SLURM_JOB_ID", "1"}};
  }

  void set(const Json& state) {
    REQUIRE(write_file_atomically(folder.path() / "state.json", state.dump()));
  }
  Json state() { return Json::parse(read_file(folder.path() / "state.json").value_or("{}")); }
  Json job(std::size_t index) { return state().at("jobs").at(index); }
  void fault(const std::string& command, const std::string& what) {
    Json now = state();
    now["faults"] = Json::object();
    if (!what.empty()) {
      now["faults"][command] = what;
    }
    set(now);
  }
  std::vector<Json> calls() {
    std::vector<Json> lines;
    std::istringstream text(read_file(folder.path() / "calls.jsonl").value_or(""));
    for (std::string line; std::getline(text, line);) {
      lines.push_back(Json::parse(line));
    }
    return lines;
  }
  std::unique_ptr<Scheduler> scheduler() { return make_scheduler(config); }

  test::TempDir folder;
  SchedulerConfig config;
  Submission submission;
};

Json one_job(const char* id, const char* state) {
  return {{"jobs", Json::array({{{"JobArrayID", id}, {"State", state}}})}};
}

} // namespace

TEST_CASE("slurm adapter: submit, find by the token, environment") {
  FakeSlurm slurm;
  const auto scheduler = slurm.scheduler();
  const auto id = scheduler->submit(slurm.submission);
  REQUIRE(id);
  CHECK(id->value == "1");
  const auto jobs = scheduler->snapshot();
  REQUIRE(jobs);
  REQUIRE(jobs->size() == 1);
  CHECK(jobs->front().id == *id);
  CHECK(jobs->front().state == AllocationState::pending);
  CHECK(token_in_comment(jobs->front().comment) == slurm.submission.token);
  const auto calls = slurm.calls();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0]["env"] == Json{{"SLURM_CONF", "/conf"}});
  CHECK(calls[1]["env"] == Json{{"SLURM_BITSTR_LEN", "0"},
                                {"SLURM_CONF", "/conf"},
                                {"SLURM_TIME_FORMAT", "%s"},
                                {"TZ", "UTC"}});
}

TEST_CASE("slurm adapter: sbatch that times out may have submitted") {
  for (const bool done : {false, true}) {
    FakeSlurm slurm;
    slurm.fault("sbatch", done ? "done_timed_out" : "timed_out");
    const auto scheduler = slurm.scheduler();
    const auto id = scheduler->submit(slurm.submission);
    REQUIRE_FALSE(id);
    CHECK(id.error().code == "submit_unknown");
    CHECK(id.error().outcome == Outcome::unknown);
    CHECK(scheduler->snapshot()->size() == (done ? 1 : 0));
  }
}

TEST_CASE("slurm adapter: clients that hang are ended at our own deadline") {
  FakeSlurm slurm;
  slurm.config.submit_timeout = milliseconds{300};
  slurm.config.query_timeout = milliseconds{300};
  slurm.set({{"faults", {{"sbatch", "done_hang"}, {"squeue", "hang"}}}});
  const auto scheduler = slurm.scheduler();
  const auto id = scheduler->submit(slurm.submission);
  REQUIRE_FALSE(id);
  CHECK(id.error().code == "submit_unknown");
  CHECK(id.error().outcome == Outcome::unknown);
  const auto jobs = scheduler->snapshot();
  REQUIRE_FALSE(jobs);
  CHECK(jobs.error().code == "scheduler_down");
  CHECK(jobs.error().outcome == Outcome::retryable);
  slurm.fault("", "");
  CHECK(slurm.state()["jobs"].size() == 1);
}

TEST_CASE("slurm adapter: a controller that is down, and up again") {
  FakeSlurm slurm;
  slurm.set(one_job("7", "RUNNING"));
  const auto scheduler = slurm.scheduler();
  Json state = slurm.state();
  for (const char* tool : {"sbatch", "squeue", "scancel", "scontrol"}) {
    state["faults"][tool] = "down";
  }
  slurm.set(state);
  const auto id = scheduler->submit(slurm.submission);
  REQUIRE_FALSE(id);
  CHECK(id.error().code == "scheduler_down");
  CHECK(id.error().outcome == Outcome::retryable);
  CHECK(scheduler->snapshot().error().code == "scheduler_down");
  CHECK(scheduler->look_up({{"7"}}).error().code == "scheduler_down");
  CHECK(scheduler->cancel({"7"}).error().outcome == Outcome::retryable);
  CHECK(scheduler->requeue({"7"}).error().outcome == Outcome::unknown);
  const Ping ping = scheduler->ping();
  CHECK_FALSE(ping.up);
  CHECK(ping.detail == "Slurmctld(primary) at vm is DOWN");
  CHECK(scheduler->kill_wait() == seconds{30});
  CHECK(scheduler->version() == "slurm 22.05.8");

  state.erase("faults");
  state["kill_wait"] = 7;
  state["cluster"] = "Emmy";
  slurm.set(state);
  CHECK(scheduler->ping().up);
  CHECK(scheduler->kill_wait() == seconds{7});
  CHECK(scheduler->cluster() == "emmy");
  CHECK(scheduler->snapshot()->size() == 1);
}

TEST_CASE("slurm adapter: the cluster's name without a controller comes from slurm.conf") {
  FakeSlurm slurm;
  slurm.fault("scontrol", "down");
  const Path conf = slurm.folder.path() / "slurm.conf";
  REQUIRE(write_file_atomically(conf, "# a site\nSlurmctldHost=x\nclustername=Emmy\n"));
  slurm.config.env["SLURM_CONF"] = conf;
  CHECK(slurm.scheduler()->cluster() == "emmy");
}

TEST_CASE("slurm adapter: a refusal keeps sbatch's words") {
  FakeSlurm slurm;
  slurm.fault("sbatch", "refused: Batch job submission failed: Invalid partition name specified");
  slurm.submission.args = {"-p", "nope"};
  const auto id = slurm.scheduler()->submit(slurm.submission);
  REQUIRE_FALSE(id);
  CHECK(id.error().code == "sbatch_refused");
  CHECK(id.error().outcome == Outcome::permanent);
  CHECK(id.error().message.find("Invalid partition name specified") != std::string::npos);
  CHECK(id.error().advice == "the option in question: -p nope");
  slurm.fault("sbatch", "garbage");
  CHECK(slurm.scheduler()->submit(slurm.submission).error().outcome == Outcome::unknown);
  slurm.fault("squeue", "garbage");
  CHECK(slurm.scheduler()->snapshot().error().code == "scheduler_unreadable");
}

TEST_CASE("slurm adapter: acts that are repeated or come late are fine, others tell") {
  FakeSlurm slurm;
  slurm.set(one_job("7", "RUNNING"));
  const auto scheduler = slurm.scheduler();
  const SchedulerJobId id{"7"};
  CHECK(scheduler->ring(id));
  CHECK(slurm.job(0)["Rung"] == 1);
  CHECK(scheduler->start_now(id)); // started already
  CHECK(scheduler->requeue(id));
  CHECK(scheduler->requeue(id)); // pending already: not a second time
  CHECK(slurm.job(0)["RestartCnt"] == "1");
  CHECK(scheduler->ring(id)); // nobody there yet
  CHECK(scheduler->start_now(id));
  CHECK(slurm.job(0)["Reason"] == "Priority");
  CHECK(scheduler->hold(id));
  CHECK(scheduler->snapshot()->front().state == AllocationState::held);
  CHECK(scheduler->release(id));
  CHECK(scheduler->exclude_node(id, "n1"));
  CHECK(scheduler->exclude_node(id, "n2"));
  CHECK(slurm.job(0)["ExcNodes"] == "n1,n2");
  CHECK(scheduler->cancel(id));
  CHECK(scheduler->cancel(id));
  CHECK(slurm.job(0)["State"] == "CANCELLED");
  CHECK(scheduler->cancel({"99"}));
  CHECK(scheduler->requeue({"99"}).error().code == "no_such_allocation");
  CHECK(scheduler->start_now({"99"}).error().cls == ErrorClass::not_found);
  CHECK(scheduler->ring({"99"}).error().code == "no_such_allocation");
  const std::size_t calls = slurm.calls().size();
  CHECK(scheduler->cancel({"--all"}).error().code == "no_such_allocation");
  CHECK(scheduler->cancel({"local-1"}).error().code == "no_such_allocation");
  CHECK(slurm.calls().size() == calls); // never given to scancel
}

TEST_CASE("slurm adapter: a requeue that is forbidden says so") {
  FakeSlurm slurm;
  Json state = one_job("7", "RUNNING");
  state["jobs"][0]["Requeue"] = "0";
  slurm.set(state);
  const auto scheduler = slurm.scheduler();
  CHECK(scheduler->requeue({"7"}).error().code == "requeue_refused");
  CHECK(scheduler->snapshot()->front().requeue_allowed == false);
}

TEST_CASE("slurm adapter: a requeue whose answer got lost is not known, and happened") {
  FakeSlurm slurm;
  slurm.set(one_job("7", "RUNNING"));
  slurm.fault("scontrol requeue", "done_timed_out");
  const auto status = slurm.scheduler()->requeue({"7"});
  REQUIRE_FALSE(status);
  CHECK(status.error().outcome == Outcome::unknown);
  CHECK(slurm.scheduler()->snapshot()->front().restart_count == 1);
}

TEST_CASE(
    "slurm adapter: look_up asks squeue once, then sacct once, and remembers that there is none") {
  FakeSlurm slurm;
  Json state = one_job("7", "RUNNING");
  state["old_jobs"] = Json::array({{{"JobID", "3"}, {"State", "NODE_FAIL"}},
                                   {{"JobID", "3"}, {"State", "COMPLETED"}},
                                   {{"JobID", "4"}, {"State", "CANCELLED by 1000"}}});
  slurm.set(state);
  const auto scheduler = slurm.scheduler();
  const auto found = scheduler->look_up({{"3"}, {"4"}, {"5"}, {"7"}, {"local-2"}});
  REQUIRE(found);
  REQUIRE(found->size() == 3);
  CHECK(found->at(0).id.value == "7");
  CHECK(found->at(1).id.value == "3");
  CHECK(found->at(1).state == AllocationState::completed);
  CHECK(found->at(1).restart_count == 1);
  CHECK(found->at(2).state == AllocationState::cancelled);
  CHECK(slurm.calls().size() == 2);
  CHECK(scheduler->look_up({{"7"}})->size() == 1);
  CHECK(slurm.calls().size() == 3); // nothing left for sacct

  slurm.fault("sacct", "accounting_down");
  CHECK(scheduler->look_up({{"3"}}).error().code == "accounting_down");
  CHECK(scheduler->look_up({{"3"}}).error().outcome == Outcome::retryable);

  slurm.set(one_job("7", "RUNNING")); // a site without accounting
  CHECK(scheduler->look_up({{"3"}})->empty());
  const std::size_t calls = slurm.calls().size();
  CHECK(scheduler->look_up({{"3"}})->empty());
  CHECK(slurm.calls().size() == calls + 1);
}

TEST_CASE("slurm adapter: a record that accounting never closed tells nothing") {
  FakeSlurm slurm;
  Json state = one_job("7", "RUNNING");
  state["old_jobs"] = Json::array({{{"JobID", "3"}, {"State", "RUNNING"}, {"End", "Unknown"}},
                                   {{"JobID", "4"}, {"State", "REQUEUED"}},
                                   {{"JobID", "5"}, {"State", "TIMEOUT"}}});
  slurm.set(state);
  const auto found = slurm.scheduler()->look_up({{"3"}, {"4"}, {"5"}});
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().state == AllocationState::timeout);
}

TEST_CASE("slurm adapter: nodes that are being taken away are one question") {
  FakeSlurm slurm;
  slurm.set({{"nodes", {{"n1", {"draining", "bad disk"}}, {"n3", {"mixed$", "none"}}}}});
  const auto scheduler = slurm.scheduler();
  CHECK(scheduler->leaving_nodes({})->empty());
  CHECK(slurm.calls().empty());
  const auto leaving = scheduler->leaving_nodes({"n1", "n2", "n3"});
  REQUIRE(leaving);
  CHECK(*leaving ==
        std::map<std::string, std::string>{{"n1", "node n1 is being drained: bad disk"},
                                           {"n3", "node n3 is in a maintenance reservation"}});
  CHECK(slurm.calls().size() == 1);
  slurm.fault("sinfo", "down");
  CHECK(scheduler->leaving_nodes({"n1"}).error().outcome == Outcome::retryable);
}

TEST_CASE("slurm adapter: a thousand jobs are one query") {
  FakeSlurm slurm;
  slurm.set({{"many", 1000}});
  const auto scheduler = slurm.scheduler();
  const auto started = std::chrono::steady_clock::now();
  const auto jobs = scheduler->snapshot();
  const auto took = std::chrono::steady_clock::now() - started;
  REQUIRE(jobs);
  CHECK(jobs->size() == 1000);
  CHECK(token_in_comment(jobs->at(15).comment)->value == "0000000000000000000000000000000f");
  CHECK(slurm.calls().size() == 1);
  CHECK(took < std::chrono::seconds{5});
}

TEST_CASE("the scheduler of a machine") {
  FakeSlurm slurm;
  CHECK(detect_scheduler(slurm.config.env) == SchedulerKind::slurm);
  CHECK(detect_scheduler({{"PATH", slurm.folder.path().string()}}) == SchedulerKind::local);
  CHECK(detect_scheduler({}) == SchedulerKind::local);
}
