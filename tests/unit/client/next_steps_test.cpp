#include "client/job_tables.hpp"
#include "client/onlooker.hpp"
#include "client/overview_text.hpp"
#include "client/reasons.hpp"
#include "core/base/strings.hpp"
#include "tests/unit/client/verb_fixture.hpp"

using namespace ckpt;
using namespace ckpt::client;

// What stands at the end of an answer: what to type next, or that nothing has to be.

namespace {

/// On one line, as if the terminal were wide.
std::string unwrapped(const std::string& text) {
  std::vector<std::string> words;
  for (const std::string& line : split_lines(text)) {
    words.emplace_back(trim(line));
  }
  return join(words, " ");
}

} // namespace

TEST_CASE("why: a wait for a time may be Slurm's own, and ends by itself") {
  JobDetails details;
  details.job = test::sample_job();
  details.job.state = JobState::queued;
  details.job.reason.clear();
  details.job.current_attempt->state = AttemptState::pending;
  details.job.current_attempt->reason = "BeginTime";
  const std::string text = why(details, details.job.created_at);
  CHECK(text.find("because of the --begin that it was given, or of Slurm's own wait of at most two "
                  "minutes") != std::string::npos);
  CHECK(text.find("nothing has to be typed (BeginTime)") != std::string::npos);
}

TEST_CASE("status: an engine that the daemon has not got may be in the shell; said once") {
  Fixture fixture;
  const std::string hint = "jobs find the engine of the shell that submits them; `ckpt doctor` "
                           "looks there";
  for (api::EngineView& one : fixture.use_cases.told.engines) {
    one.usable = false;
  }
  const std::string text = fixture.ckpt({"daemon", "status"}).out;
  const std::string whole = unwrapped(text);
  CHECK(whole.find(hint) != std::string::npos);
  CHECK(whole.find(hint) == whole.rfind(hint));
  for (const std::string& line : split_lines(text)) {
    CHECK(line.size() <= 80);
  }
  for (api::EngineView& one : fixture.use_cases.told.engines) {
    one.usable = true;
  }
  CHECK(unwrapped(fixture.ckpt({"daemon", "status"}).out).find(hint) == std::string::npos);
}

TEST_CASE("wait: a job that was parked leads to the next step") {
  Fixture fixture;
  api::JobView& job = fixture.use_cases.the_job;
  job.state = JobState::parked;
  const auto said = [&](const std::string& reason) {
    job.reason = reason;
    const Outcome1 outcome = fixture.ckpt({"wait", "j-7"});
    CHECK(outcome.status == 85);
    return unwrapped(outcome.out);
  };
  CHECK(said("3 attempts in a row made no progress")
            .ends_with("made no progress; `ckpt why j-7` tells more"));
  CHECK(said("stopped by the user") ==
        "j-7 parked: stopped by the user; go on with `ckpt restart j-7`");
  CHECK(said("it has run for 2h, as --stop-after asks; `ckpt restart j-7` goes on")
            .ends_with("asks; `ckpt restart j-7` goes on"));
  job.state = JobState::completed;
  job.exit_code = 0;
  job.reason.clear();
  CHECK(fixture.ckpt({"wait", "j-7"}).out == "j-7 completed\n");
}

TEST_CASE("progress is told of a job's id, however it was named") {
  CHECK(writing_text(test::sample_generation()) == "writing j-7 g3");
}

TEST_CASE("a job is on a node only while an attempt is there") {
  api::JobView job = test::sample_job();
  const TimePoint now = job.created_at;
  for (const AttemptState state : Words<AttemptState>::kAll) {
    job.current_attempt->state = state;
    const bool nowhere = state == AttemptState::submitted || state == AttemptState::pending ||
                         state == AttemptState::ended;
    CHECK_MESSAGE((jobs_text({job}, now, 120).find("n2") == std::string::npos) == nowhere,
                  word(state));
  }
  job.current_attempt.reset();
  CHECK(jobs_text({job}, now, 120).find("n2") == std::string::npos);
}

TEST_CASE("a job of another cluster is found there") {
  Fixture fixture;
  Fixture other;
  other.use_cases.known_as = "loc";
  const Path place = fixture.folder_ / "clusters" / "tiny";
  REQUIRE(make_directories(place, 0700));
  REQUIRE(write_file_atomically(
      place / "endpoint.json", *read_file(other.folder_ / "endpoint.json"), 0600));
  for (const std::string verb : {"show", "why", "logs", "gens"}) {
    const Outcome1 outcome = fixture.ckpt({verb, "loc"});
    CHECK(outcome.status == 3);
    CHECK(outcome.err == "ckpt: there is no job loc\n"
                         "  the cluster tiny has one: `ckpt --cluster tiny show loc`\n");
  }
  CHECK(fixture.ckpt({"stop", "loc"}).err.find("`ckpt --cluster tiny stop loc`") !=
        std::string::npos);
  CHECK(fixture.ckpt({"show", "nobody"}).err.find("tiny") == std::string::npos);
  CHECK(fixture.json_of({"show", "loc"}, 3)["code"] == "no_such_job");
}

TEST_CASE("who stops the daemon is told of jobs only where some run") {
  CHECK(stopped_text({{"running", 1}}) == "stopped; jobs go on without it");
  CHECK(stopped_text({{"stopping", 2}, {"running", 0}}) == "stopped; jobs go on without it");
  CHECK(stopped_text({{"completed", 5}, {"parked", 1}, {"running", 0}}) == "stopped");
  CHECK(stopped_text({}) == "stopped");
}

TEST_CASE("why: what Slurm or somebody holds is released, not restarted") {
  JobDetails details;
  details.job = test::sample_job();
  details.job.state = JobState::parked;
  details.job.reason = "held outside: REQUEUE_HOLD (JobHoldMaxRequeue)";
  const std::string text = why(details, details.job.created_at);
  CHECK(text.find("Slurm holds it after too many requeues") != std::string::npos);
  CHECK(text.find("`ckpt release j-7` lets it go on where it waits.") != std::string::npos);
}
