#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "client/format.hpp"
#include "client/session.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::client;

namespace {

struct Result1 {
  bool ran = false;
  std::optional<Duration> time;
  std::vector<std::string> argv;
  std::vector<std::string> words;
  bool flag = false;
};

Result<Cli::Parsed> parse(std::vector<std::string> args) {
  Cli cli;
  add_all(cli);
  return cli.parse(std::move(args));
}

Error refusal(std::vector<std::string> args) {
  const auto parsed = parse(std::move(args));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().cls == ErrorClass::usage);
  return parsed.error();
}

} // namespace

TEST_CASE("the program behind -- is left alone") {
  Cli cli;
  Result1 got;
  Verb verb = cli.verb("go", "");
  verb.program(got.argv)
      .duration("-t,--time", got.time, "")
      .texts("--word", got.words, "W", "")
      .flag("--flag", got.flag, "");
  verb.runs([&](Session&) { return 0; });
  const auto parsed = cli.parse({"go",
                                 "-t",
                                 "1:00:00",
                                 "--word",
                                 "a",
                                 "--word=b",
                                 "--",
                                 "./p",
                                 "--help",
                                 "-t",
                                 "--",
                                 "--json"});
  REQUIRE_MESSAGE(parsed, parsed.error().message);
  CHECK(got.time == hours{1});
  CHECK(got.argv == std::vector<std::string>{"./p", "--help", "-t", "--", "--json"});
  CHECK(got.words == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(got.flag);
  CHECK_FALSE(parsed->json);
  CHECK(parsed->action);
}

TEST_CASE("no line of the help is wider than a terminal") {
  Cli cli;
  add_all(cli);
  std::vector<std::vector<std::string>> calls{{"--help"}};
  for (const VerbDescription& verb : cli.describe()) {
    calls.push_back({verb.name, "--help"});
    for (const VerbDescription& child : verb.verbs) {
      calls.push_back({verb.name, child.name, "--help"});
    }
  }
  for (const auto& call : calls) {
    const auto parsed = parse(call);
    REQUIRE(parsed);
    for (const std::string& line : split_lines(parsed->text)) {
      CHECK_MESSAGE(display_width(line) < 80, line);
    }
  }
}

TEST_CASE("the columns of a list of checkpoints are explained on the spot") {
  for (const std::string verb : {"gens", "show"}) {
    const auto help = parse({verb, "--help"});
    REQUIRE(help);
    for (const std::string word :
         {"BY ", "FROM", "FROZEN", "STORED", "BLOCKED", "proof", "before walltime", "abandoned"}) {
      CHECK_MESSAGE(help->text.find(word) != std::string::npos, word);
    }
  }
}

TEST_CASE("words that nobody expects are named as they were typed") {
  const Error error = refusal({"submit", "python3", "count.py", "3"});
  CHECK(error.message == "`ckpt submit` cannot tell what is meant by: python3 count.py 3");
  CHECK(error.advice.starts_with("Put -- before the program"));
}

TEST_CASE("every verb of the contract is there, with help and --json") {
  for (const char* verb :
       {"submit",    "run",     "ls",           "show",       "why",   "wait",    "watch",
        "ps",        "logs",    "events",       "checkpoint", "stop",  "restart", "cancel",
        "hold",      "release", "requeue",      "gens",       "pin",   "unpin",   "verify",
        "prune",     "rm",      "coordinators", "nodes",      "stats", "doctor",  "daemon",
        "dashboard", "config",  "completion",   "version",    "paths", "policy"}) {
    CAPTURE(verb);
    const auto help = parse({verb, "--help"});
    REQUIRE_MESSAGE(help, help.error().message);
    CHECK_FALSE(help->action);
    CHECK(help->text.find("--json") != std::string::npos);
  }
  CHECK(parse({"submit", "--help"})->text.find("-- PROGRAM ARGS") != std::string::npos);
  CHECK(parse({"show", "--help"})->text.find("Usage: ckpt show [OPTIONS] JOB") !=
        std::string::npos);
  CHECK(parse({})->text.find("submit") != std::string::npos);
  CHECK(parse({"--version"})->text.find("ckpt ") == 0);
  CHECK(parse({"ls", "--json"})->json);
  CHECK(parse({"daemon", "start"})->action);
}

TEST_CASE("wrong usage tells what to type") {
  CHECK(refusal({"sumbit"}).advice.find("ckpt submit") != std::string::npos);
  CHECK(refusal({"submit", "./a", "b"}).advice.find("-- before the program") != std::string::npos);
  CHECK(refusal({"submit", "./sim", "-x"}).advice.find("-- before") != std::string::npos);
  CHECK(refusal({"ls", "--", "x"}).message.find("takes nothing behind --") != std::string::npos);
  CHECK(refusal({"show"}).message.find("JOB") != std::string::npos);
  CHECK(refusal({"ls", "--nonsense"}).advice.find("ckpt ls --help") != std::string::npos);
  CHECK(refusal({"daemon"}).cls == ErrorClass::usage);
  const Error bare = refusal({"submit", "--total-time", "30", "--", "./a"});
  CHECK(bare.message.find("--total-time") != std::string::npos);
  CHECK(bare.message.find("minutes") != std::string::npos);
  CHECK(refusal({"submit", "--keep", "0", "--", "a"}).message.find("--keep") != std::string::npos);
  CHECK(refusal({"submit", "--keep", "two", "--", "a"}).message.find("two") != std::string::npos);
}

TEST_CASE("what was meant is named only when it is near") {
  const auto advice = [](const std::string& word) { return refusal({word}).advice; };
  CHECK(advice("shwo") == "Did you mean `ckpt show`?");
  CHECK(advice("check") == "Did you mean `ckpt checkpoint`?");
  CHECK(advice("frobnicate") == "Type `ckpt --help` for the list.");
  CHECK(advice("foo") == "Type `ckpt --help` for the list.");
  const auto option = [](const std::string& word) {
    const Error error = refusal({"submit", word, "1", "--", "./a"});
    CHECK(error.message == "`ckpt submit` has no option " + word.substr(0, word.find('=')));
    return error.advice;
  };
  CHECK(option("--evrey") == "Did you mean --every?");
  CHECK(option("--tiem") == "Did you mean --time?");
  CHECK(option("--zzzzz") == "Type `ckpt submit --help`.");
  CHECK(option("--parition=debug") == "Did you mean --partition?");
}

TEST_CASE("words that other programs have lead to ours") {
  const auto advice = [](const std::string& word) { return refusal({word}).advice; };
  CHECK(advice("list") == "Did you mean `ckpt ls`?");
  CHECK(advice("kill") == "Did you mean `ckpt cancel`?");
  CHECK(advice("status") == "Did you mean `ckpt ls`, or `ckpt show JOB`?");
  CHECK(advice("rollback") == "Did you mean `ckpt restart JOB --generation gN`?");
  CHECK(refusal({"ls", "-a"}).advice == "Did you mean --all?"); // -a is sbatch's --array
  CHECK(refusal({"ls", "-z"}).advice == "Type `ckpt ls --help`.");
}

TEST_CASE("wishes for another verb lead to it") {
  CHECK(refusal({"ls", "kids"}).advice == "`ckpt show kids` shows one job.");
  CHECK(refusal({"ls", "--all", "two words"}).advice == "`ckpt show 'two words'` shows one job.");
  CHECK(refusal({"version", "kids"}).advice == "Type `ckpt version --help`.");
  CHECK(refusal({"policy", "first", "--time", "20"}).advice == "Type `ckpt policy --help`.");
  CHECK(parse({"policy", "--help"})->text.find("`ckpt restart JOB --time …`") != std::string::npos);
}

TEST_CASE("ckpt help is --help") {
  CHECK(parse({"help"})->text == parse({"--help"})->text);
  CHECK(parse({"help", "show"})->text == parse({"show", "--help"})->text);
  CHECK(parse({"help", "daemon", "start"})->text == parse({"daemon", "start", "--help"})->text);
  CHECK(refusal({"help", "shwo"}).advice == "Did you mean `ckpt show`?");
}

TEST_CASE("the help says what is meant, and no more than fits a screen") {
  CHECK(parse({"rm", "--help"})->text.find("Every job that is over") != std::string::npos);
  CHECK(parse({"cancel", "--help"})->text.find("Every unfinished job") != std::string::npos);
  CHECK(parse({"submit", "--help"})->text.find("mana") == std::string::npos);
  CHECK(parse({"--help"})->text.find("85 when it was parked") != std::string::npos);
  CHECK(parse({"trial", "--help"})->text.find("engine with a checkpoint, a sudden end") !=
        std::string::npos);                      // a paragraph, broken in one place only
  for (const char* verb : {"restart", "fork"}) { // Slurm's options are told of in one place
    const std::string text = parse({verb, "--help"})->text;
    CHECK(split_lines(text).size() < 50);
    CHECK(text.find("`ckpt submit --help`") != std::string::npos);
  }
}

TEST_CASE("a time limit is sbatch's own option: there a bare number is minutes") {
  for (const char* limit : {"30", "1:30", "24:00:00", "1-12", "90m", "UNLIMITED", "0"}) {
    CAPTURE(limit);
    CHECK(parse({"submit", "-t", limit, "--", "./a"}));
    CHECK(parse({"restart", "--time", limit, "j-1"}));
  }
  CHECK(refusal({"submit", "-t", "soon", "--", "./a"}).message.find("30:00") != std::string::npos);
}

TEST_CASE("a cluster can be named before and behind the verb") {
  CHECK(parse({"ls"})->cluster.empty());
  CHECK(parse({"--cluster", "local", "ls"})->cluster == "local");
  CHECK(parse({"ls", "--cluster=tiny"})->cluster == "tiny");
  CHECK(parse({"--cluster=a", "daemon", "start", "--cluster", "b"})->cluster == "b");
  const auto alone = parse({"--cluster", "local"});
  REQUIRE(alone);
  CHECK_FALSE(alone->action);
  CHECK(alone->text.find("submit") != std::string::npos);
}

TEST_CASE("sbatch's spellings are taken by submit and restart") {
  for (const char* verb : {"submit", "restart"}) {
    std::vector<std::string> args{verb,
                                  "-p",
                                  "debug",
                                  "--account=x",
                                  "-c4",
                                  "-N",
                                  "1-2",
                                  "-w",
                                  "n[1-3]",
                                  "--exclusive",
                                  "--mem",
                                  "4G",
                                  "--gres=gpu:1",
                                  "--sbatch-arg=--switches=1"};
    if (std::string(verb) == "restart") {
      args.insert(args.begin() + 1, "j-7");
    } else {
      args.insert(args.end(), {"--", "./a"});
    }
    const auto parsed = parse(args);
    REQUIRE_MESSAGE(parsed, parsed.error().message);
    CHECK(parsed->action);
  }
}
