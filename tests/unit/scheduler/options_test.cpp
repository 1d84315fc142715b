#include "core/scheduler/scheduler.hpp"
#include "core/scheduler/slurm/options.hpp"

#include <doctest/doctest.h>
#include <signal.h>

using namespace ckpt;
using namespace ckpt::scheduler;
using slurm::last_value;
using slurm::parse_options;

TEST_CASE("sbatch options are read in every spelling that getopt_long takes") {
  const auto options = parse_options({"-p",
                                      "debug",
                                      "-t10",
                                      "--mem=4G",
                                      "--job-name",
                                      "a b",
                                      "-HQv",
                                      "--comm=x y",
                                      "--exclusive",
                                      "-Oc4",
                                      "--nice=5",
                                      "--from-the-future=1",
                                      "--exclusive=user"});
  REQUIRE(options);
  CHECK(last_value(*options, "partition") == "debug");
  CHECK(last_value(*options, "time") == "10");
  CHECK(last_value(*options, "mem") == "4G");
  CHECK(last_value(*options, "job-name") == "a b");
  CHECK(last_value(*options, "comment") == "x y");
  CHECK(last_value(*options, "cpus-per-task") == "4");
  CHECK(last_value(*options, "exclusive") == "user");
  CHECK(last_value(*options, "from-the-future") == "1");
  std::vector<std::string> names;
  std::vector<std::string> words;
  for (const auto& option : *options) {
    names.push_back(option.name);
    words.insert(words.end(), option.words.begin(), option.words.end());
  }
  CHECK(names == std::vector<std::string>{"partition",
                                          "time",
                                          "mem",
                                          "job-name",
                                          "hold",
                                          "quiet",
                                          "verbose",
                                          "comment",
                                          "exclusive",
                                          "overcommit",
                                          "cpus-per-task",
                                          "nice",
                                          "from-the-future",
                                          "exclusive"});
  CHECK(words == std::vector<std::string>{"-p",
                                          "debug",
                                          "-t10",
                                          "--mem=4G",
                                          "--job-name",
                                          "a b",
                                          "-H",
                                          "-Q",
                                          "-v",
                                          "--comm=x y",
                                          "--exclusive",
                                          "-O",
                                          "-c4",
                                          "--nice=5",
                                          "--from-the-future=1",
                                          "--exclusive=user"});
}

TEST_CASE("what sbatch would refuse or misread is an error that names it") {
  const auto message = [](const std::vector<std::string>& args) {
    const auto options = parse_options(args);
    REQUIRE_FALSE(options);
    CHECK(options.error().cls == ErrorClass::usage);
    CHECK(options.error().code == "bad_option");
    return options.error().message;
  };
  CHECK(message({"script.sh"}) == "'script.sh' is not an option of sbatch");
  CHECK(message({"-p"}) == "the option -p needs a value");
  CHECK(message({"--mem"}) == "the option --mem needs a value");
  CHECK(message({"--mail=x"}) == "'--mail' may mean --mail-type or --mail-user");
  CHECK(message({"-Z"}) == "'-Z' is not an option of sbatch");
  CHECK(message({"--"}) == "'--' is not an option of sbatch");
}

TEST_CASE("the user's own --signal is found for the runner") {
  CHECK_FALSE(user_signal({"-p", "debug"}));
  CHECK(user_signal({"--signal=USR1"}) == UserSignal{SIGUSR1, seconds{60}});
  CHECK(user_signal({"--signal", "B:USR2@120"}) == UserSignal{SIGUSR2, seconds{120}});
  CHECK(user_signal({"--signal=RB:10@5"}) == UserSignal{10, seconds{5}});
  CHECK(user_signal({"--signal=INT@1", "--sig=TERM@2"}) == UserSignal{SIGTERM, seconds{2}});
  CHECK_FALSE(user_signal({"--signal=NONSENSE@3"}));
  CHECK_FALSE(user_signal({"--signal=USR1@soon"}));
}

TEST_CASE("the token is found after whatever stands in a comment") {
  const SubmissionToken token{"00112233445566778899aabbccddeeff"};
  CHECK(comment_with_token("", token) == "ckpt:" + token.value);
  CHECK(comment_with_token("mine, 'x'", token) == "mine, 'x' ckpt:" + token.value);
  CHECK(token_in_comment(comment_with_token("ckpt:ffff copied", token)) == token);
  CHECK(token_in_comment("ckpt:" + token.value + "; changed by the site") == token);
  CHECK_FALSE(token_in_comment("no token"));
  CHECK_FALSE(token_in_comment("ckpt: nothing"));
}
