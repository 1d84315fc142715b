#include "api/codec.hpp"
#include "api/problem.hpp"
#include "core/json/json.hpp"
#include "tests/unit/api/fake_use_cases.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::api;
using nlohmann::json;

namespace {

template <class View> void check_round_trip(const View& view) {
  const auto text = dump_json(to_json(view));
  const auto parsed = parse_json(text);
  REQUIRE(parsed);
  const auto back = from_json<View>(*parsed);
  REQUIRE_MESSAGE(back, back.error().message);
  CHECK(*back == view);
}

json minimal_submit() {
  return json{{"argv", {"./a"}}, {"cwd", "/tmp"}};
}

std::string refusal_of(const json& body) {
  const auto request = submit_request_from_json(body);
  REQUIRE_FALSE(request);
  CHECK(request.error().cls == ErrorClass::usage);
  return request.error().message;
}

} // namespace

TEST_CASE("views come back as they were, full and empty") {
  check_round_trip(test::sample_job());
  check_round_trip(test::sample_attempt());
  check_round_trip(test::sample_generation());
  check_round_trip(test::sample_event());
  check_round_trip(test::sample_status());
  check_round_trip(test::sample_coordinator());
  check_round_trip(test::sample_process());
  check_round_trip(EventPage{{test::sample_event()}, 17});
  check_round_trip(Page<JobView>{{test::sample_job()}, "j-7"});
  JobView bare;
  bare.id = JobId{1};
  bare.argv = {"a"};
  check_round_trip(bare);
}

TEST_CASE("a job has the fields that scripts rely on") {
  const json job = to_json(test::sample_job());
  for (const char* field : {"id",
                            "name",
                            "state",
                            "reason",
                            "scheduler",
                            "engine",
                            "created_at",
                            "ended_at",
                            "exit_code",
                            "signal",
                            "tags",
                            "policy",
                            "current_attempt",
                            "attempts_count",
                            "restarts_count",
                            "generations_count",
                            "latest_generation",
                            "next_checkpoint_at",
                            "next_checkpoint_trigger",
                            "accounting",
                            "warnings"}) {
    CHECK_MESSAGE(job.contains(field), field);
  }
  for (const char* field : {"n",
                            "scheduler_job_id",
                            "restart_count",
                            "node",
                            "state",
                            "started_at",
                            "walltime_ends_at",
                            "started_from"}) {
    CHECK_MESSAGE(job["current_attempt"].contains(field), field);
  }
  for (const char* field :
       {"id", "state", "trigger", "sealed_at", "bytes", "stored_bytes", "blocked_seconds"}) {
    CHECK_MESSAGE(job["latest_generation"].contains(field), field);
  }
  CHECK(job["id"] == "j-7");
  CHECK(job["current_attempt"]["n"] == 2);
  CHECK(job["latest_generation"]["blocked_seconds"] == 0.9);
  CHECK(job["accounting"]["checkpoint_seconds"] == 1.5);
  CHECK(job["exit_code"].is_null());
}

TEST_CASE("a view from a newer daemon is read, a broken one is not") {
  json job = to_json(test::sample_job());
  job["a_field_of_tomorrow"] = 1;
  CHECK(from_json<JobView>(job));
  job.erase("state");
  const auto without = from_json<JobView>(job);
  REQUIRE_FALSE(without);
  CHECK(without.error().code == "bad_reply");
  CHECK(without.error().message.find("state") != std::string::npos);
  job["state"] = "dancing";
  CHECK_FALSE(from_json<JobView>(job));
  CHECK_FALSE(from_json<JobView>(json::array()));
}

TEST_CASE("a submit needs a program and a folder, and nothing else") {
  const auto request = submit_request_from_json(minimal_submit());
  REQUIRE_MESSAGE(request, request.error().message);
  CHECK(request->spec.argv == std::vector<std::string>{"./a"});
  CHECK(request->policy == Policy{});
  CHECK_FALSE(request->scheduler);
  CHECK(request->spec.id == JobId{});
}

TEST_CASE("a submit comes back as it was") {
  SubmitRequest request;
  request.spec.argv = {"./a", "\xfe"};
  request.spec.cwd = "/x";
  request.spec.env = {{"A", "1"}};
  request.spec.sbatch_args = {"--partition=debug"};
  request.spec.time_limit = minutes{2};
  request.spec.umask = 027;
  request.script = "#!/bin/sh\n# \xff\n";
  request.scheduler = SchedulerKind::slurm;
  request.policy.keep = 5;
  const auto back = submit_request_from_json(to_json(request));
  REQUIRE_MESSAGE(back, back.error().message);
  CHECK(*back == request);
}

TEST_CASE("a wrong submit names what is wrong") {
  json body = minimal_submit();
  body.erase("argv");
  CHECK(refusal_of(body).find("argv") != std::string::npos);
  body = minimal_submit();
  body["cwd"] = "relative";
  CHECK(refusal_of(body).find("cwd") != std::string::npos);
  body = minimal_submit();
  body["argv"] = json::array();
  CHECK(refusal_of(body).find("argv") != std::string::npos);
  body = minimal_submit();
  body["nonsense"] = 1;
  CHECK(refusal_of(body).find("nonsense") != std::string::npos);
  body = minimal_submit();
  body["id"] = "j-1";
  CHECK(refusal_of(body).find("id") != std::string::npos);
  body = minimal_submit();
  body["script_name"] = "job.sh";
  CHECK(refusal_of(body).find("script_name") != std::string::npos);
  body = minimal_submit();
  body["script"] = 7;
  CHECK(refusal_of(body).find("script") != std::string::npos);
  body = minimal_submit();
  body["policy"] = {{"kepe", 2}};
  CHECK(refusal_of(body).find("kepe") != std::string::npos);
}

TEST_CASE("an array comes back as it was and is strict") {
  ArrayRequest request;
  request.indexes = "1-200%10";
  request.job.spec.argv = {"./sim"};
  request.job.spec.cwd = "/home/u";
  const auto again = array_request_from_json(to_json(request));
  REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
  CHECK(*again == request);
  auto body = to_json(request);
  body["nonsense"] = 1;
  CHECK_FALSE(array_request_from_json(body));
  body = to_json(request);
  body.erase("indexes");
  CHECK_FALSE(array_request_from_json(body));
  body = to_json(request);
  body.erase("job");
  CHECK_FALSE(array_request_from_json(body));
  body = to_json(request);
  body["job"]["array"] = nullptr; // which task it is, the daemon says
  CHECK_FALSE(array_request_from_json(body));

  JobView task = test::sample_job();
  task.array = ArrayTaskView{JobId{7}, 3};
  const ArrayView view{JobId{7}, {{"array", "j-7"}}, {task, task}};
  const auto read = from_json<ArrayView>(to_json(view));
  REQUIRE(read);
  CHECK(*read == view);
}

TEST_CASE("a fork comes back as it was and is strict") {
  ForkRequest request;
  request.generation = GenerationId{3};
  request.name = "what-if";
  request.sbatch_args = {"--mem=1G"};
  request.time_limit = hours{2};
  request.stdout_path = "fork.out";
  request.stderr_path = "fork.err";
  request.share_files = true;
  request.engine_path = "/opt/dmtcp/bin";
  request.policy_patch = R"({"keep":5})";
  const auto back = fork_request_from_json(to_json(request));
  REQUIRE(back);
  CHECK(back->generation == request.generation);
  CHECK(back->name == "what-if");
  CHECK(back->sbatch_args == request.sbatch_args);
  CHECK(back->time_limit == request.time_limit);
  CHECK(back->stdout_path == "fork.out");
  CHECK(back->stderr_path == "fork.err");
  CHECK(back->share_files);
  CHECK(back->engine_path == "/opt/dmtcp/bin");
  CHECK(back->policy_patch == request.policy_patch);
  CHECK(fork_request_from_json(json::object()));
  CHECK(to_json(ForkRequest{}) == json::object());
  CHECK_FALSE(fork_request_from_json(json{{"generation", "3"}}));
  CHECK_FALSE(fork_request_from_json(json{{"share_files", "yes"}}));
  CHECK_FALSE(fork_request_from_json(json{{"policy", {{"keep", 0}}}}));
  CHECK_FALSE(fork_request_from_json(json{{"other", 1}}));
  CHECK_FALSE(fork_request_from_json(json::array()));
}

TEST_CASE("a restart comes back as it was and is strict") {
  RestartRequest request;
  request.generation = GenerationId{2};
  request.sbatch_args = {"-p", "high"};
  request.time_limit = hours{1};
  request.policy_patch = R"({"keep":4})";
  request.engine_path = "/opt/dmtcp/bin:/opt/criu\xff/bin";
  const auto back = restart_request_from_json(to_json(request));
  REQUIRE_MESSAGE(back, back.error().message);
  CHECK(back->generation == request.generation);
  CHECK(back->sbatch_args == request.sbatch_args);
  CHECK(back->time_limit == request.time_limit);
  CHECK(back->policy_patch == request.policy_patch);
  CHECK(back->engine_path == request.engine_path);
  CHECK_FALSE(restart_request_from_json(json{{"generation", "3"}}));
  CHECK_FALSE(restart_request_from_json(json{{"policy", {{"keep", 0}}}}));
  CHECK_FALSE(restart_request_from_json(json{{"other", 1}}));
  CHECK(restart_request_from_json(json::object()));
}

TEST_CASE("a problem carries the error over the wire") {
  const Error error{ErrorClass::unusable,
                    Outcome::retryable,
                    "scheduler_down",
                    "slurmctld does not answer",
                    "Type `scontrol ping`."};
  const json body = *parse_json(problem_body(error));
  CHECK(body["status"] == 503);
  CHECK(body["code"] == "scheduler_down");
  CHECK(body["detail"] == error.message);
  const Error back = error_from_problem(503, problem_body(error));
  CHECK(back.cls == error.cls);
  CHECK(back.outcome == error.outcome);
  CHECK(back.code == error.code);
  CHECK(back.message == error.message);
  CHECK(back.advice == error.advice);
  CHECK(error_from_problem(502, "<html>").code == "unexpected_reply");
  CHECK(error_from_problem(404, "[]").cls == ErrorClass::not_found);
}

TEST_CASE("exit statuses are those of the contract") {
  CHECK(exit_status(ErrorClass::failed) == 1);
  CHECK(exit_status(ErrorClass::usage) == 2);
  CHECK(exit_status(ErrorClass::not_found) == 3);
  CHECK(exit_status(ErrorClass::conflict) == 4);
  CHECK(exit_status(ErrorClass::no_daemon) == 5);
  CHECK(exit_status(ErrorClass::refused) == 6);
  CHECK(exit_status(ErrorClass::unusable) == 7);
  CHECK(exit_status(ErrorClass::timed_out) == 8);
}
