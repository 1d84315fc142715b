#include "core/base/strings.hpp"
#include "core/scheduler/slurm/errors.hpp"

#include <doctest/doctest.h>

#include <map>

#include "test_support.hpp"

using namespace ckpt;
using namespace ckpt::scheduler::slurm;

namespace {

CommandResult failed(const std::string& err, int code = 1) {
  CommandResult result;
  result.status.code = code;
  result.err = err;
  return result;
}

CommandResult timed_out() {
  CommandResult result;
  result.status.signal = 15;
  result.timed_out = true;
  result.took = seconds{30};
  return result;
}

struct Refusal {
  std::string option;
  std::string words;
};

std::vector<Refusal> recorded_refusals() {
  std::vector<Refusal> refusals;
  bool refused = false;
  for (const std::string& line : split_lines(test::slurm_data("sbatch-refusals.txt"))) {
    if (line.starts_with("## ")) {
      refusals.push_back({line.substr(3), ""});
    } else if (line.starts_with("rc ")) {
      refused = line != "rc 0";
      if (!refused) {
        refusals.pop_back();
      }
    } else if (!refusals.empty() && refused) {
      refusals.back().words += line + "\n";
    }
  }
  return refusals;
}

} // namespace

TEST_CASE("every recorded refusal is permanent, in sbatch's own words, and names its option") {
  const std::map<std::string, std::string> blamed{
      {"--partition=nope", "--partition=nope"},
      {"--frobnicate", "--frobnicate"},
      {"--time=abc", "--time=abc"},
      {"--mem=999999", "--mem=999999"},
      {"--nodelist=n77", "--nodelist=n77"},
      {"--dependency=afterok:xx", "--dependency=afterok:xx"},
      {"--constraint=gpuz", "--constraint=gpuz"},
      {"--gres=gpu:1", "--gres=gpu:1"},
      {"-x n[1-2]", ""},
      {"--reservation=none", "--reservation=none"},
      {"-Z", "Z"},
      {"--licenses=foo", "--licenses=foo"},
      {"--signal=B:URG@70000", "--signal=B:URG@70000"},
  };
  const auto refusals = recorded_refusals();
  CHECK(refusals.size() == blamed.size());
  for (const Refusal& refusal : refusals) {
    CAPTURE(refusal.option);
    const Error error = submit_error(failed(refusal.words), split(refusal.option, ' '));
    CHECK(error.code == "sbatch_refused");
    CHECK(error.outcome == Outcome::permanent);
    const std::string first = split_lines(refusal.words).front();
    CHECK(error.message.find(first.substr(first.rfind(": ") + 2)) != std::string::npos);
    const std::string option = blamed.at(refusal.option);
    CHECK(error.advice == (option.empty() ? "submit it again with other options"
                                          : "the option in question: " + option));
  }
}

TEST_CASE("a controller that could not be reached: nothing happened, and it is tried again") {
  for (const char* words :
       {"sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect "
        "failure)",
        "sbatch: error: Munge encode failed: Failed to access \"/run/munge/munge.socket.2\"",
        "sbatch: error: s_p_parse_file: cannot stat file /nonexistent: No such file or directory, "
        "retrying in 1sec up to 60sec\nsbatch: fatal: Unable to process configuration file"}) {
    CAPTURE(words);
    const Error error = submit_error(failed(words), {});
    CHECK(error.code == "scheduler_down");
    CHECK(error.outcome == Outcome::retryable);
  }
}

TEST_CASE("an answer that got lost is an outcome that is not known") {
  const Error lost = submit_error(
      failed("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"),
      {});
  CHECK(lost.code == "submit_unknown");
  CHECK(lost.outcome == Outcome::unknown);
  CHECK(submit_error(timed_out(), {}).outcome == Outcome::unknown);
  CHECK(submit_error(timed_out(), {}).message.find("no answer in 30s") != std::string::npos);
  // scontrol's words both for a hung and for a dead controller.
  const Error requeue =
      command_error("requeue job 22", failed("Unexpected message received for job 22"));
  CHECK(requeue.code == "outcome_unknown");
  CHECK(requeue.outcome == Outcome::unknown);
}

TEST_CASE("a time-out while the client waits for its configuration has asked nobody") {
  CommandResult result = timed_out();
  result.err = "sbatch: error: s_p_parse_file: cannot stat file /x: No such file or directory, "
               "retrying in 1sec up to 60sec\n";
  CHECK(submit_error(result, {}).code == "scheduler_down");
}

TEST_CASE("a limit of the moment is a refusal that may pass") {
  const Error error = submit_error(
      failed("sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: "
             "Job violates accounting/QOS policy (job submit limit, user's size and/or time "
             "limits)"),
      {});
  CHECK(error.code == "sbatch_refused");
  CHECK(error.outcome == Outcome::retryable);
}

TEST_CASE("what commands on a job answer") {
  CHECK(classify(failed("Invalid job id specified for job 9")) == Trouble::no_such_job);
  CHECK(classify(failed("Job is pending execution for job 25")) == Trouble::still_pending);
  CHECK(classify(failed("Job is no longer pending execution for job 28")) == Trouble::not_pending);
  CHECK(classify(failed("Job has already finished for job 19")) == Trouble::already_over);
  CHECK(classify(failed("Requested operation is presently disabled for job 31")) ==
        Trouble::requeue_disabled);
  CHECK(classify(failed("Access/permission denied for job 28")) == Trouble::not_permitted);
  CHECK(classify(failed("Slurm accounting storage is disabled")) == Trouble::no_accounting);
  CHECK(classify(failed("something new")) == Trouble::refused);
  CHECK(command_error("x", failed("something new")).outcome == Outcome::permanent);
}
