#include "client/engines_here.hpp"
#include "client/lineage.hpp"
#include "core/base/strings.hpp"
#include "tests/unit/client/verb_fixture.hpp"

using namespace ckpt;
using namespace ckpt::client;

// What people who begin stumble over: a word of the verb's at the right moment.

namespace {

api::GenerationView kept(std::int64_t id, GenerationState state = GenerationState::sealed) {
  api::GenerationView view = test::sample_generation();
  view.id = GenerationId{id};
  view.state = state;
  return view;
}

} // namespace

TEST_CASE("a rollback tells what it leaves aside, and how to keep it") {
  Fixture fixture;
  fixture.use_cases.kept = {kept(1), kept(2), kept(3), kept(4, GenerationState::failed), kept(5)};
  fixture.use_cases.kept.back().pinned = true;
  const Outcome1 back = fixture.ckpt({"restart", "j-7", "--generation", "g1"});
  CHECK(back.status == 0);
  CHECK(back.err == "ckpt: g2, g3 are left aside, and go once a newer checkpoint is sealed;\n"
                    "      `ckpt pin j-7 g3` keeps g3\n");
  CHECK(fixture.ckpt({"restart", "j-7", "--generation", "g3"}).err.empty());
  CHECK(fixture.ckpt({"restart", "j-7"}).err.empty());
  CHECK(fixture.ckpt({"restart", "j-7", "--generation", "g1", "--json"}).err.empty());
  fixture.use_cases.kept = {kept(1), kept(2)};
  CHECK(fixture.ckpt({"restart", "j-7", "--generation", "g1"})
            .err.find("g2 is left aside, and goes") != std::string::npos);
}

TEST_CASE("who follows a silent job is told once what for") {
  Fixture fixture;
  fixture.use_cases.the_job.state = JobState::queued;
  fixture.use_cases.silent_turns = 3;
  const Outcome1 queued = fixture.ckpt({"logs", "-f", "j-7"});
  CHECK(queued.out == std::string("line 1\nbinary \0\xff\n", 17));
  CHECK(queued.err == "ckpt: j-7 is queued: its output follows when it runs (`ckpt why j-7` tells\n"
                      "      more). Ctrl-C ends the look, not the job.\n");
  fixture.use_cases.the_job.state = JobState::running;
  fixture.use_cases.silent_turns = 3;
  CHECK(fixture.ckpt({"logs", "-f", "j-7"}).err.find("is running and has printed nothing yet") !=
        std::string::npos);
  CHECK(fixture.ckpt({"logs", "-f", "j-7"}).err.empty());
  fixture.use_cases.silent_turns = 1;
  CHECK(fixture.ckpt({"logs", "j-7"}).err.find("Ctrl-C") == std::string::npos);
}

TEST_CASE("a submission from a shell without an engine says so, in one line") {
  Fixture fixture;
  fixture.use_cases.the_job.warnings.clear();
  for (api::EngineView& one : fixture.use_cases.told.engines) {
    one.usable = false;
  }
  const std::vector<std::string> words{"submit", "--", "./sim"};
  const Outcome1 plain = fixture.ckpt(words);
  CHECK(plain.status == 0);
  CHECK(plain.err == "ckpt: note: no checkpoint engine in this shell; `ckpt doctor` tells what to "
                     "do\n");
  CHECK(plain.out.starts_with("j-7 submitted"));
  CHECK(fixture.ckpt({"submit", "-a", "1-2", "--", "./sim"}).err == plain.err);
  CHECK(fixture.ckpt({"submit", "--json", "--", "./sim"}).err.empty());
  const std::vector<std::vector<std::string>> otherwise{
      {"submit", "--engine", "app", "--ckpt-signal", "USR1", "--ckpt-files", "x", "--", "./sim"},
      {"submit", "--ckpt-signal", "USR1", "--ckpt-files", "x", "--", "./sim"},
      {"submit", "--module", "dmtcp", "--", "./sim"},
      {"submit", "--setup", ". ./env", "--", "./sim"},
      {"submit", "--env", "CKPT_CRIU=/opt/criu", "--", "./sim"}};
  for (const auto& one : otherwise) {
    CAPTURE(join(one, " "));
    CHECK(fixture.ckpt(one).err.empty());
  }
  fixture.more_env = {{"CKPT_DMTCP_ROOT", "/opt/dmtcp"}};
  CHECK(fixture.ckpt(words).err.empty());
  REQUIRE(write_file_atomically(
      fixture.folder_ / "config.toml", "[engine.dmtcp]\nroot = \"/opt/dmtcp\"\n", 0600));
  fixture.more_env = {{"CKPTD_CONFIG", (fixture.folder_ / "config.toml").string()}};
  CHECK(fixture.ckpt(words).err.empty());
  REQUIRE(write_file_atomically(fixture.folder_ / "dmtcp_launch", "#!/bin/sh\n", 0700));
  fixture.more_env = {{"PATH", fixture.folder_.string()}};
  CHECK(fixture.ckpt(words).err.empty());
  CHECK(fixture.ckpt({"submit", "--engine", "criu", "--", "./sim"}).err ==
        "ckpt: note: no engine criu in this shell; `ckpt doctor` tells what to do\n");
}

TEST_CASE("a list without unfinished jobs names the command that shows the others") {
  Fixture fixture;
  fixture.use_cases.heeds_states = true;
  auto& jobs = fixture.use_cases.listed;
  jobs = {test::sample_job(), test::sample_job(), test::sample_job()};
  jobs[0].state = jobs[1].state = JobState::completed;
  jobs[2].state = JobState::failed;
  CHECK(fixture.ckpt({"ls", "--tag", "array=j-7"}).out ==
        "No unfinished jobs of these (2 completed, 1 failed).\n"
        "`ckpt ls --all --tag array=j-7` shows those that ended.\n");
  fixture.use_cases.told.jobs = {{"completed", 9}, {"running", 1}};
  CHECK(fixture.ckpt({"ls"}).out ==
        "No unfinished jobs (9 completed). `ckpt ls --all` shows those that ended.\n");
  CHECK(fixture.ckpt({"ls", "--state", "parked"}).out.find("No jobs of these.") == 0);
  CHECK(fixture.json_of({"ls"})["items"].empty());
  jobs.clear();
  fixture.use_cases.told.jobs = {{"completed", 0}, {"running", 1}};
  CHECK(fixture.ckpt({"ls"}).out == "No jobs. `ckpt submit -- PROGRAM ARGS…` starts one.\n");
  CHECK(fixture.ckpt({"ls", "--tag", "a=b"}).out.find("No jobs of these.") == 0);
}

TEST_CASE("the name of an array leads to its tasks") {
  Fixture fixture;
  auto& jobs = fixture.use_cases.listed;
  const auto task = [](std::int64_t id, std::int64_t index, JobState state) {
    api::JobView job = test::sample_job();
    job.id = JobId{id};
    job.array = api::ArrayTaskView{JobId{3}, index};
    job.name = "sweep_" + std::to_string(index);
    job.state = state;
    job.current_attempt->scheduler_job_id = SchedulerJobId{"24_" + std::to_string(index)};
    return job;
  };
  jobs = {task(3, 1, JobState::running),
          task(4, 2, JobState::running),
          task(5, 3, JobState::queued),
          task(6, 4, JobState::completed)};
  jobs.push_back(test::sample_job());
  const std::string expected =
      "ckpt: 'sweep' is a job array, and each of its tasks a job\n"
      "  4 tasks, j-3 … j-6: 1 queued, 2 running, 1 completed.\n"
      "  `ckpt ls --all --tag array=j-3` lists them; one of them is j-3, or sweep_1\n";
  for (const std::string verb : {"show", "why", "logs", "gens"}) {
    const Outcome1 outcome = fixture.ckpt({verb, "sweep"});
    CHECK(outcome.status == 3);
    CHECK(outcome.err == expected);
  }
  CHECK(fixture.ckpt({"show", "24"}).err.find("4 tasks, j-3 … j-6") != std::string::npos);
  CHECK(fixture.ckpt({"show", "swee"}).err.find("there is no job swee") != std::string::npos);
  CHECK(fixture.json_of({"show", "sweep"}, 3)["code"] == "no_such_job");
}
