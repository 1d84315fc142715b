#include "client/details_text.hpp"
#include "client/engines_here.hpp"
#include "client/lineage.hpp"
#include "client/reasons.hpp"
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
  jobs[1].state = JobState::failed; // the one that people ask for
  const std::string err = fixture.ckpt({"why", "sweep"}).err;
  CHECK_MESSAGE(err.find("one of them is j-4, or sweep_2,\n  which is failed: `ckpt why j-4`") !=
                    std::string::npos,
                err);
  jobs[1].state = JobState::running;
  CHECK(fixture.ckpt({"show", "24"}).err.find("4 tasks, j-3 … j-6") != std::string::npos);
  CHECK(fixture.ckpt({"show", "swee"}).err.find("there is no job swee") != std::string::npos);
  CHECK(fixture.json_of({"show", "sweep"}, 3)["code"] == "no_such_job");
}

TEST_CASE("acting verbs lead from an array's name to their own --tag") {
  Fixture fixture;
  api::JobView task = test::sample_job();
  task.array = api::ArrayTaskView{JobId{3}, 1};
  task.name = "sweep_1";
  fixture.use_cases.listed = {task};
  for (const std::string verb : {"stop", "cancel", "checkpoint", "wait", "hold", "rm"}) {
    const Outcome1 outcome = fixture.ckpt({verb, "sweep"});
    CHECK(outcome.status == 3);
    CHECK(outcome.err.starts_with("ckpt: 'sweep' is a job array"));
    CHECK_MESSAGE(outcome.err.find("`ckpt " + verb + " --tag array=j-3`") != std::string::npos,
                  outcome.err);
  }
}

TEST_CASE("wait by a tag is about those that are over, too") {
  Fixture fixture;
  fixture.use_cases.heeds_states = true;
  api::JobView& job = fixture.use_cases.the_job;
  job.state = JobState::failed;
  job.exit_code = 3;
  fixture.use_cases.listed = {job};
  CHECK(fixture.ckpt({"wait", "--tag", "array=j-7"}).status == 3);
  CHECK(fixture.ckpt({"wait", "--tag", "array=j-7"}).out.starts_with("j-7 failed (exit status 3)"));
  CHECK(fixture.json_of({"wait", "--tag", "array=j-7"}, 3)["exit_status"] == 3);
  CHECK(fixture.ckpt({"stop", "--tag", "array=j-7"}).err ==
        "ckpt: no job matches\n  `ckpt ls --all` lists all that there are.\n");
  fixture.use_cases.listed.clear();
  CHECK(fixture.ckpt({"wait", "--tag", "array=j-7"}).err.starts_with("ckpt: no job matches"));
}

TEST_CASE("--all of none is no error") {
  Fixture fixture;
  fixture.use_cases.listed.clear();
  for (const std::string verb : {"stop", "cancel", "checkpoint", "wait", "hold"}) {
    const Outcome1 none = fixture.ckpt({verb, "--all"});
    CHECK(none.status == 0);
    CHECK(none.out.empty());
    CHECK(none.err == "ckpt: nothing to do: there is no unfinished job\n");
    CHECK(fixture.json_of({verb, "--all"})["items"].empty());
    CHECK(fixture.ckpt({verb, "--all", "--tag", "a=b"}).status == 3);
  }
  CHECK(fixture.ckpt({"rm", "--all"}).err == "ckpt: nothing to do: no job is over\n");
  CHECK(fixture.ckpt({"rm", "--state", "failed"}).status == 3);
}

TEST_CASE("doctor finds the engines that this shell's variables name") {
  Fixture fixture;
  for (api::EngineView& one : fixture.use_cases.told.engines) {
    one.usable = false;
  }
  const Path tool = fixture.folder_ / "bin" / "dmtcp_launch";
  REQUIRE(std::filesystem::create_directory(tool.parent_path()));
  REQUIRE(write_file_atomically(tool, "#!/bin/sh\n", 0700));
  CHECK(fixture.json_of({"doctor"}, 1).dump().find("no_engine") != std::string::npos);
  fixture.more_env = {{"CKPT_DMTCP_ROOT", fixture.folder_.string()}};
  CHECK(fixture.json_of({"doctor"}, 1).dump().find("no_engine") == std::string::npos);
  CHECK(fixture.json_of({"doctor"}, 1).dump().find(tool.string()) != std::string::npos);
  CHECK(engine_path(fixture.more_env) == tool.parent_path().string());
  fixture.more_env = {{"CKPT_CRIU", tool.string()}};
  CHECK(fixture.json_of({"doctor"}, 1).dump().find("no_engine") == std::string::npos);
  CHECK(engine_path(fixture.more_env) == tool.parent_path().string());
  // A job with such a variable does not look on PATH either.
  fixture.more_env = {{"CKPT_DMTCP_ROOT", "/none"}, {"PATH", tool.parent_path().string()}};
  const std::string misnamed = fixture.json_of({"doctor"}, 1).dump();
  CHECK(misnamed.find("CKPT_DMTCP_ROOT=/none names none") != std::string::npos);
  CHECK(misnamed.find("no_engine") != std::string::npos);
}

TEST_CASE("a fork without a checkpoint of its own goes on from its origin's") {
  JobDetails details;
  details.job = test::sample_job();
  details.job.state = JobState::parked;
  details.job.latest_generation.reset();
  details.attempts = {test::sample_attempt()};
  details.attempts.front().started_from = GenerationRef{JobId{1}, GenerationId{3}};
  const TimePoint now = *details.attempts.front().started_at;
  CHECK(why(details, now).ends_with("`ckpt restart j-7` goes on from j-1 g3."));
  CHECK(details_text(details, now, {}).find("\nfork of       j-1 g3, from where it goes on") !=
        std::string::npos);
  details.job.latest_generation = test::sample_generation();
  CHECK(details_text(details, now, {}).find("\nfork of       j-1 g3\n") != std::string::npos);
  CHECK(why(details, now).find("Its newest checkpoint is g3") != std::string::npos);
  details.attempts.front().started_from.reset();
  CHECK(details_text(details, now, {}).find("fork of") == std::string::npos);
}

TEST_CASE("why: a static program is not sent to the doctor") {
  JobDetails details;
  details.job = test::sample_job();
  details.job.state = JobState::parked;
  details.job.latest_generation.reset();
  details.attempts = {test::sample_attempt()};
  api::AttemptView& attempt = details.attempts.front();
  attempt.ended_at = attempt.started_at;
  attempt.end_reason = EndReason::launch_failed;
  attempt.reason = "no engine can checkpoint this program here; dmtcp: ./sim is linked statically: "
                   "DMTCP cannot be loaded into it";
  const std::string text = why(details, *attempt.ended_at);
  CHECK(text.find("ckpt doctor") == std::string::npos);
  CHECK(text.find("`ckpt trial -- PROGRAM`") != std::string::npos);
  CHECK(text.ends_with("--engine criu or app, or link it dynamically, and then: `ckpt restart "
                       "j-7` begins anew."));
}

TEST_CASE("a batch script is not run as a program without a word") {
  Fixture fixture;
  const std::string script = (fixture.folder_ / "job.sh").string();
  REQUIRE(write_file_atomically(script, "#!/bin/sh\n#SBATCH --time=10\ntrue\n", 0700));
  fixture.more_env = {{"CKPT_DMTCP_ROOT", "/opt/dmtcp"}};
  CHECK(fixture.ckpt({"submit", "--time", "10", script, "a"})
            .err.find("`ckpt sbatch " + script + " a`") != std::string::npos);
  const Outcome1 run = fixture.ckpt({"submit", "--", script});
  CHECK(run.status == 0);
  CHECK(run.err.starts_with("ckpt: note: its #SBATCH lines are not read here"));
  CHECK(fixture.ckpt({"submit", "--json", "--", script}).err.find("#SBATCH") == std::string::npos);
  REQUIRE(write_file_atomically(script, "#!/bin/sh\ntrue\n#SBATCH --time=10\n", 0700));
  CHECK(fixture.ckpt({"submit", "--", script}).err.find("#SBATCH") == std::string::npos);
  CHECK(fixture.ckpt({"submit", script}).err.find("Put -- before") != std::string::npos);
}

TEST_CASE("who follows a job to its end is told which end that is") {
  Fixture fixture;
  api::JobView& job = fixture.use_cases.the_job;
  const auto said = [&](std::vector<std::string> words) {
    const std::string text = fixture.ckpt(std::move(words)).err;
    return join(split(text, '\n'), " ");
  };
  job.state = JobState::completed;
  CHECK(said({"logs", "-f", "j-7"}) == "ckpt: j-7 is done ");
  CHECK(said({"logs", "j-7"}).empty());
  job.state = JobState::parked;
  job.reason = "stopped by the user";
  CHECK(
      said({"logs", "-f", "j-7"}).starts_with("ckpt: j-7 was parked: stopped by the user; `ckpt"));
  job.state = JobState::failed;
  job.reason.clear();
  job.exit_code = 2;
  fixture.use_cases.silent_turns = 1;
  CHECK(said({"logs", "j-7"}).starts_with("ckpt: j-7 failed (exit status 2), and printed nothing"));
}

TEST_CASE("on a small screen the newest attempts and checkpoints are there") {
  JobDetails details;
  details.job = test::sample_job();
  for (std::int64_t n = 1; n <= 9; ++n) {
    details.attempts.push_back(test::sample_attempt());
    details.attempts.back().n = AttemptId{n};
    details.attempts.back().reason = "the reason of attempt number " + std::to_string(n);
    details.generations.push_back(kept(n));
    details.generations.back().attempt = AttemptId{n};
  }
  const TimePoint now = *details.attempts.front().started_at + minutes{1};
  const auto row_of = [&](const std::string& part, std::size_t rows) {
    const auto lines = split_lines(details_text(details, now, {80, false, rows}));
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
    return found == lines.end() ? std::string::npos
                                : static_cast<std::size_t>(found - lines.begin());
  };
  CHECK(row_of("attempt number 1", 0) != std::string::npos);
  CHECK(row_of("older ones", 0) == std::string::npos);
  CHECK(row_of("attempt number 9", 22) < 22);
  CHECK(row_of("g9", 22) < 22);
  CHECK(row_of("older ones: `ckpt show j-7`", 22) < 22);
  CHECK(row_of("attempt number 1", 22) == std::string::npos);
  CHECK(row_of("time          ran 1m40s, lost 5s, stood still 1.5s, queued 1m", 0) < 22);
}
