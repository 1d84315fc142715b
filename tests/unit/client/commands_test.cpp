#include "client/follow.hpp"
#include "core/base/strings.hpp"
#include "tests/unit/client/verb_fixture.hpp"

using namespace ckpt;
using namespace ckpt::client;

TEST_CASE("submit sends what was typed and prints the ids") {
  Fixture fixture;
  const Outcome1 outcome = fixture.ckpt({"submit",
                                         "-p",
                                         "debug",
                                         "-t",
                                         "24:00:00",
                                         "-J",
                                         "sim",
                                         "--every",
                                         "10m",
                                         "--overwrite",
                                         "--tag",
                                         "a=b",
                                         "--env",
                                         "X=1",
                                         "--",
                                         "./sim",
                                         "-x",
                                         "input.dat"});
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(outcome.out == "j-7 submitted (Slurm job 4711); `ckpt show j-7` tells how it goes\n");
  const JobSpec& spec = fixture.use_cases.submitted.spec;
  CHECK(spec.argv == std::vector<std::string>{"./sim", "-x", "input.dat"});
  CHECK(spec.sbatch_args == std::vector<std::string>{"--partition=debug"});
  CHECK(spec.time_limit == hours{24});
  CHECK(spec.name == "sim");
  CHECK(spec.env.at("X") == "1");
  CHECK(spec.env.at("MARK") == "1");
  CHECK(spec.cwd == std::filesystem::current_path().string());
  const Policy& policy = fixture.use_cases.submitted.policy;
  CHECK(policy.every == Interval{Interval::Kind::fixed, minutes{10}});
  CHECK(policy.keep == 1);
  CHECK(policy.tags == std::map<std::string, std::string>{{"a", "b"}});
  CHECK_FALSE(fixture.use_cases.submitted.scheduler);
  CHECK_FALSE(fixture.use_cases.idempotency_key.empty());

  CHECK(fixture.ckpt({"submit", "--exclusive", "-N", "1", "-H", "--nice=5", "--", "a"}).status ==
        0);
  CHECK(fixture.use_cases.submitted.spec.sbatch_args ==
        std::vector<std::string>{"--nodes=1", "--nice=5", "--exclusive", "--hold"});

  const Outcome1 nodes = fixture.ckpt({"submit", "-N", "2", "--", "a"});
  CHECK(nodes.status == 6);
  CHECK(nodes.err.find("--nodes=2") != std::string::npos);

  CHECK(fixture.ckpt({"submit", "--wrap", "a | b", "--scheduler", "local"}).status == 0);
  CHECK(fixture.use_cases.submitted.spec.argv ==
        std::vector<std::string>{"/bin/sh", "-c", "a | b"});
  CHECK(fixture.use_cases.submitted.scheduler == SchedulerKind::local);
}

TEST_CASE("an array is sent with its indexes, and all of its jobs are told of") {
  Fixture fixture;
  const std::vector<std::string> words{"submit", "-J", "sim", "--array=1-2%1", "--", "./sim"};
  const Outcome1 outcome = fixture.ckpt(words);
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(outcome.out == "2 tasks submitted as j-7 … j-8 (Slurm job 24, tasks 24_INDEX)\n"
                       "  `ckpt ls --all --tag array=j-7` shows them\n"
                       "  `ckpt cancel --tag array=j-7` ends all\n");
  CHECK(fixture.use_cases.indexes == "1-2%1");
  CHECK(fixture.use_cases.submitted.spec.sbatch_args.empty());
  const auto json = fixture.json_of({"submit", "-a", "1-2", "--", "./sim"});
  CHECK(json["id"] == "j-7");
  CHECK(json["tag"]["array"] == "j-7");
  CHECK(json["items"][1]["array"]["index"] == 2);
  CHECK(fixture.ckpt({"submit", "-a", "1-2", "--resume", "-J", "sim", "--", "./sim"}).status == 2);
}

TEST_CASE("a wrong submit is refused before it is sent") {
  Fixture fixture;
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"submit"},
                                             {"submit", "--wrap", "a", "--", "b"},
                                             {"submit", "--every", "30", "--", "a"},
                                             {"submit", "--tag", "x", "--", "a"},
                                             {"submit", "--compress", "gzip", "--", "a"},
                                             {"submit", "--engine", "magic", "--", "a"},
                                             {"submit", "--scheduler", "pbs", "--", "a"},
                                             {"submit", "--overwrite", "--keep", "3", "--", "a"},
                                             {"submit", "--ckpt-signal", "XYZ", "--", "a"}}) {
    const Outcome1 outcome = fixture.ckpt(args);
    CAPTURE(join(args, " "));
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK_FALSE(outcome.err.empty());
  }
  CHECK(fixture.ckpt({"submit", "-D", "/nonexistent", "--", "a"}).status == 3);
  CHECK(fixture.use_cases.calls == 0);
  CHECK(fixture.ckpt({"submit", "-J", "taken", "--", "a"}).status == 4);
}

TEST_CASE("--json is exactly one value in the API's shape") {
  Fixture fixture;
  CHECK(fixture.json_of({"ls"})["items"][0]["id"] == "j-7");
  CHECK(fixture.json_of({"show", "last"})["current_attempt"]["scheduler_job_id"] == "4711");
  CHECK(fixture.json_of({"gens", "j-7"})["items"][0]["id"] == "g3");
  CHECK(fixture.json_of({"ps", "j-7"})["items"][0]["pid"] == 4711);
  CHECK(fixture.json_of({"coordinators"})["items"][0]["port"] == 41234);
  CHECK(fixture.json_of({"events"})["items"].size() == 1);
  CHECK(fixture.json_of({"checkpoint", "j-7"})["state"] == "sealed");
  CHECK(fixture.json_of({"checkpoint", "j-7", "last"})["items"].size() == 2);
  CHECK(fixture.json_of({"cancel", "j-7"})["state"] == "cancelled");
  CHECK(fixture.json_of({"restart", "j-7"})["id"] == "j-7");
  CHECK(fixture.json_of({"daemon", "status"})["daemon"]["pid"] == 42);
  CHECK(fixture.json_of({"version"})["ckptd"] == "0.1.0");
  CHECK(fixture.json_of({"paths"})["state"] == fixture.folder_.string());
  CHECK(fixture.json_of({"show", "nobody"}, 3)["code"] == "no_such_job");
  CHECK(fixture.json_of({"doctor"}, 1)["findings"].size() > 3);
}

TEST_CASE("tables fit 80 columns and name what a person looks for") {
  Fixture fixture;
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"ls"},
                                             {"show", "j-7"},
                                             {"gens", "j-7"},
                                             {"ps", "j-7"},
                                             {"coordinators"},
                                             {"events"},
                                             {"doctor"},
                                             {"daemon", "status"}}) {
    const Outcome1 outcome = fixture.ckpt(args);
    CAPTURE(outcome.out);
    CHECK(outcome.err.empty());
    CHECK_FALSE(outcome.out.empty());
    for (const std::string& line : split_lines(outcome.out)) {
      CHECK(line.size() <= 100); // bytes: some characters have three
    }
  }
  CHECK(fixture.ckpt({"ls"}).out.find("simulation") != std::string::npos);
  CHECK(fixture.ckpt({"logs", "j-7"}).out == std::string("line 1\nbinary \0\xff\n", 17));
}

TEST_CASE("show: what changes stands before what does not") {
  Fixture fixture;
  const std::string shown = fixture.ckpt({"show", "j-7"}).out;
  REQUIRE(shown.find("\nGEN ") != std::string::npos);
  for (const std::string late : {"policy", "created", "in  ", "scheduler"}) {
    CHECK_MESSAGE(shown.find("\n" + late) > shown.find("\nGEN "), late);
  }
}

TEST_CASE("restart passes rollback and changed wishes on") {
  Fixture fixture;
  CHECK(fixture
            .ckpt({"restart",
                   "j-7",
                   "--generation",
                   "g1",
                   "-p",
                   "high",
                   "-t",
                   "2h",
                   "--keep",
                   "4",
                   "--lead",
                   "auto"})
            .status == 0);
  const api::RestartRequest& request = fixture.use_cases.restarted;
  CHECK(request.generation == GenerationId{1});
  CHECK(request.sbatch_args == std::vector<std::string>{"--partition=high"});
  CHECK(request.time_limit == hours{2});
  const auto patched = patch_policy(Policy{}, *parse_json(request.policy_patch));
  REQUIRE(patched);
  CHECK(patched->keep == 4);
  CHECK(fixture.ckpt({"restart", "j-7", "--generation", "1"}).status == 2);
}

TEST_CASE("without a daemon reading verbs end with 5 and say what to do") {
  Fixture fixture(false);
  const Outcome1 outcome = fixture.ckpt({"ls"});
  CHECK(outcome.status == 5);
  CHECK(outcome.err.find("ckpt daemon start") != std::string::npos);
  CHECK(fixture.ckpt({"daemon", "status"}).status == 5);
  CHECK(fixture.ckpt({"daemon", "stop"}).status == 5);
  CHECK(fixture.ckpt({"version"}).status == 0);
  CHECK(fixture.ckpt({"paths"}).status == 0);
  CHECK(fixture.json_of({"ls"}, 5)["code"] == "no_daemon");
}

TEST_CASE("a daemon is started when a verb needs it") {
  Fixture fixture;
  fixture.autostart = true;
  // The stand-in for ckptd only puts the endpoint of the server here back into its place.
  const std::string folder = fixture.folder_.string();
  REQUIRE(rename_durably(folder + "/endpoint.json", folder + "/endpoint.kept"));
  REQUIRE(write_file_atomically(folder + "/ckptd",
                                "#!/bin/sh\ntest $# = 0 && cp '" + folder + "/endpoint.kept' '" +
                                    folder + "/endpoint.json'\n",
                                0700));
  const Outcome1 outcome = fixture.ckpt({"show", "j-7"});
  CHECK_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(outcome.out.find("simulation") != std::string::npos);
  CHECK(outcome.err.find("started the daemon") != std::string::npos);
}

TEST_CASE("a daemon that does not start is told with its own words") {
  Fixture fixture(false);
  fixture.autostart = true;
  CHECK(fixture.ckpt({"ls"}).err.find("ckptd is neither beside ckpt nor on PATH") !=
        std::string::npos);
  REQUIRE(write_file_atomically(
      fixture.folder_ / "ckptd", "#!/bin/sh\necho 'unknown key stoer.path' >&2\nexit 2\n", 0700));
  const Outcome1 outcome = fixture.ckpt({"ls"});
  CHECK(outcome.status == 5);
  CHECK(outcome.err.find("exit status 2") != std::string::npos);
  CHECK(outcome.err.find("unknown key stoer.path") != std::string::npos);
}

TEST_CASE("a daemon on another host is named, and none is started beside it") {
  Fixture fixture;
  REQUIRE(api::write_endpoint(fixture.folder_ / "endpoint.json",
                              {"elsewhere", 1, 0, "0.1.0", "/tmp/x", std::nullopt, "/tmp/t", {}}));
  const Outcome1 outcome = fixture.ckpt({"ls"});
  CHECK(outcome.status == 5);
  CHECK(outcome.err.find("elsewhere") != std::string::npos);
}

TEST_CASE("the client goes over TCP when the socket was deleted") {
  Fixture fixture;
  REQUIRE(unlink((fixture.folder_ / "api.sock").c_str()) == 0);
  CHECK(fixture.json_of({"show", "j-7"})["id"] == "j-7");
}

TEST_CASE("selections: a filter or names, not both and not nothing") {
  Fixture fixture;
  CHECK(fixture.ckpt({"cancel"}).status == 2);
  CHECK(fixture.ckpt({"cancel", "j-7", "--all"}).status == 2);
  CHECK(fixture.ckpt({"cancel", "--state", "dancing"}).status == 2);
  const Outcome1 outcome = fixture.ckpt({"cancel", "--tag", "project=ice"});
  CHECK(outcome.status == 0);
  CHECK(fixture.use_cases.filter.tags.at("project") == "ice");
  CHECK(fixture.use_cases.filter.states ==
        std::vector{JobState::queued, JobState::running, JobState::stopping, JobState::parked});
  const Outcome1 partly = fixture.ckpt({"cancel", "j-7", "nobody"});
  CHECK(partly.status == 3);
  CHECK(partly.out.find("j-7 ended") != std::string::npos);
}

TEST_CASE("a job that ends before its turn comes is no failure, unless it was named") {
  Fixture fixture;
  fixture.use_cases.the_job.state = JobState::completed;
  CHECK(fixture.ckpt({"cancel", "--all"}).status == 0);
  CHECK(fixture.ckpt({"cancel", "j-7"}).status == 4);
}

TEST_CASE("rm --all means the jobs that are over") {
  Fixture fixture;
  const std::vector over{JobState::completed, JobState::failed, JobState::cancelled};
  CHECK(fixture.ckpt({"rm", "--all"}).status == 0);
  CHECK(fixture.use_cases.filter.states == over);
  CHECK(fixture.ckpt({"rm", "--tag", "project=ice"}).status == 0);
  CHECK(fixture.use_cases.filter.states == over);
  CHECK(fixture.ckpt({"rm", "--state", "failed"}).status == 0);
  CHECK(fixture.use_cases.filter.states == std::vector{JobState::failed});
}

TEST_CASE("an engine that is not there yet is refused where the job is submitted") {
  Fixture fixture;
  const Outcome1 outcome = fixture.ckpt({"submit", "--engine", "mana", "--", "a"});
  CHECK(outcome.status == 7);
  CHECK(outcome.err.find("not supported yet") != std::string::npos);
  CHECK(fixture.use_cases.calls == 0);
}

TEST_CASE("messages of several lines fit a terminal, but for commands to paste") {
  Session::Streams streams{std::tmpfile(), std::tmpfile()};
  Session session({}, streams, false);
  const std::string pasted = "    ckpt submit " + std::string(90, 'x') + " y";
  session.say("short\n  " + std::string(40, 'a') + " " + std::string(40, 'b') + "\n" + pasted);
  CHECK(text_of(streams.err) == "ckpt: short\n  " + std::string(40, 'a') + "\n    " +
                                    std::string(40, 'b') + "\n" + pasted + "\n");
  (void)std::fclose(streams.out);
  (void)std::fclose(streams.err);
}

TEST_CASE("wait ends with 8 when its patience is over") {
  Fixture fixture;
  const Outcome1 outcome = fixture.ckpt({"wait", "j-7", "--timeout", "10ms"});
  CHECK(outcome.status == 8);
  CHECK(outcome.err.find("j-7 is still running") != std::string::npos);
}

TEST_CASE("the status of wait and run is the program's own") {
  api::JobView job = test::sample_job();
  job.state = JobState::completed;
  job.exit_code = 0;
  CHECK(result_of(job).exit_status == 0);
  CHECK(result_of(job).from_program);
  job.state = JobState::failed;
  job.exit_code = 7;
  CHECK(result_of(job).exit_status == 7);
  job.exit_code.reset();
  job.signal = 9;
  CHECK(result_of(job).exit_status == 137);
  job.signal.reset();
  CHECK(result_of(job).exit_status == 1);
  CHECK_FALSE(result_of(job).from_program);
  job.state = JobState::parked;
  CHECK(result_of(job).exit_status == 85);
  job.state = JobState::cancelled;
  CHECK(result_of(job).exit_status == 1);
  CHECK((is_settled(JobState::parked) && !is_settled(JobState::stopping)));
}
