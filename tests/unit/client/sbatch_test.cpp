// `ckpt sbatch` takes what sbatch takes, and reads the script that sbatch would read.
#include "client/batch_options.hpp"
#include "client/batch_script.hpp"
#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "client/sbatch_options.hpp"
#include "core/base/files.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <regex>

using namespace ckpt;
using namespace ckpt::client;

namespace {

struct Got {
  std::vector<std::string> argv;
  std::vector<std::string> options;
  bool json = false;
};

Got parse(std::vector<std::string> words) {
  Cli cli;
  Got got;
  Verb verb = cli.verb("sbatch", "");
  verb.script(got.argv);
  add_all_sbatch_options(verb, got.options);
  verb.runs([](Session&) { return 0; });
  words.insert(words.begin(), "sbatch");
  const auto parsed = cli.parse(std::move(words));
  REQUIRE_MESSAGE(parsed, (parsed ? "" : parsed.error().message));
  got.json = parsed->json;
  return got;
}

using List = std::vector<std::string>;

} // namespace

TEST_CASE("what stands behind the script's name is the script's") {
  Got got =
      parse({"-n", "4", "--mem=2G", "-Hpdebug", "--json", "job.sh", "-n", "9", "--", "--json"});
  CHECK(got.argv == List{"job.sh", "-n", "9", "--", "--json"});
  std::sort(got.options.begin(), got.options.end()); // their order tells nothing
  CHECK(got.options == List{"--hold", "--mem=2G", "--ntasks=4", "--partition=debug"});
  CHECK(got.json);
  got = parse({"--exclusive", "job.sh"}); // its value is optional, and never the next word
  CHECK(got.argv == List{"job.sh"});
  CHECK(got.options == List{"--exclusive"});
  got = parse({"-J", "-x", "--", "-odd.sh"});
  CHECK(got.argv == List{"-odd.sh"});
  CHECK(parse({"--wrap", "echo a b"}).argv.empty());
  CHECK(parse({}).argv.empty());
}

TEST_CASE("every option of sbatch has its place") {
  Cli cli;
  add_all(cli);
  List known;
  for (const VerbDescription& verb : cli.describe()) {
    for (const auto& option : verb.options) {
      if (verb.name == "sbatch") {
        known.insert(known.end(), option.names.begin(), option.names.end());
      }
    }
  }
  const auto help = read_file(std::string(CKPT_TEST_DATA) + "/slurm/sbatch-help.txt");
  REQUIRE(help);
  const std::regex option("(--[a-z][a-z-]*)");
  for (std::sregex_iterator at(help->begin(), help->end(), option), end; at != end; ++at) {
    const std::string name = at->str();
    const bool general = name == "--help" || name == "--usage" || name == "--version";
    CHECK_MESSAGE((general || std::find(known.begin(), known.end(), name) != known.end()), name);
  }
}

TEST_CASE("the script comes from a file, from PATH, or from --wrap") {
  const test::TempDir dir;
  REQUIRE(make_directories(dir.path() / "in"));
  REQUIRE(write_file_atomically(dir.path() / "in/job.sh", "#!/bin/sh\n#SBATCH -J n\n"));
  const Session session({{"PATH", (dir.path() / "in").string()}}, {}, false);
  for (const List& options : {List{}, List{"--chdir=" + (dir.path() / "in").string()}}) {
    const auto batch = read_batch_script(session, {"job.sh", "a", "b"}, options);
    REQUIRE_MESSAGE(batch, (batch ? "" : batch.error().message));
    CHECK(batch->name == "job.sh");
    CHECK(batch->args == List{"a", "b"});
    CHECK(last_given(batch->options, "job-name")->option.value == "n");
  }
  const auto wrapped = read_batch_script(session, {}, {"--wrap=echo a"});
  REQUIRE(wrapped);
  CHECK(wrapped->name == "wrap");
  CHECK(wrapped->text == "#!/bin/sh\n# This script was created by sbatch --wrap.\n\necho a\n\n");
  CHECK(read_batch_script(session, {"job.sh"}, {"--wrap=echo a"}).error().cls == ErrorClass::usage);
  CHECK(read_batch_script(session, {"./job.sh"}, {}).error().code == "no_such_script");
  CHECK(read_batch_script(session, {dir.path().string()}, {}).error().code == "no_such_script");
}

TEST_CASE("--export as sbatch has it") {
  const std::map<std::string, std::string> env{
      {"HOME", "/h"}, {"PATH", "/p"}, {"A", "1"}, {"B", "it's"}, {"SLURM_CONF", "c"}};
  CHECK(exported_environment(env, "").env == env);
  CHECK(exported_environment(env, "ALL").setup.empty());
  const auto more = exported_environment(env, "ALL,A=2,C=3,NOT");
  CHECK(more.env.at("A") == "2");
  CHECK(more.env.at("C") == "3");
  CHECK_FALSE(more.env.contains("NOT"));
  CHECK(more.setup.empty());
  const auto none = exported_environment(env, "NONE");
  CHECK_FALSE(none.env.contains("A"));
  CHECK(none.env.at("HOME") == "/h");
  CHECK(none.env.at("SLURM_CONF") == "c");
  CHECK(none.setup == ":");
  const auto some = exported_environment(env, "B,C=3");
  CHECK_FALSE(some.env.contains("A"));
  CHECK(some.setup == ":; export B='it'\\''s'; export C=3");
}

TEST_CASE("variables fill what was not typed, and the rest of them is for sbatch") {
  const auto typed = typed_options({"--partition=debug", "--mem=1G"});
  REQUIRE(typed);
  const auto wishes = script::merged({script::options_of_environment({{"SBATCH_PARTITION", "long"},
                                                                      {"SBATCH_ACCOUNT", "a"},
                                                                      {"SBATCH_MEM_PER_CPU", "2G"},
                                                                      {"SBATCH_OUTPUT", "out-%j"},
                                                                      {"SBATCH_JOB_NAME", "env"},
                                                                      {"SBATCH_TIMELIMIT", "7"},
                                                                      {"SBATCH_EXPORT", "NONE"}}),
                                      *typed});
  SpecOptions spec;
  spec.name = "typed";
  REQUIRE(take_over(spec, wishes));
  CHECK(spec.name == "typed");
  CHECK(spec.output == "out-%j");
  CHECK(spec.time_limit == std::chrono::minutes{7});
  CHECK_FALSE(spec.error);
  Session session({}, {}, false);
  CHECK(remaining_options(session, wishes) ==
        List{"--account=a", "--partition=long", "--partition=debug", "--mem=1G"});
  JobSpec job;
  job.cwd = "/tmp";
  job.env = {{"A", "1"}, {"HOME", "/h"}};
  job.setup = "mine";
  JobSpec more = job;
  export_as_wished(job, wishes, {});
  CHECK_FALSE(job.env.contains("A"));
  CHECK(job.env.at("PWD") == "/tmp");
  CHECK(job.setup == ":\nmine");
  export_as_wished(more, wishes, {"A=1"}); // as --env gave it
  CHECK(more.env.at("A") == "1");
  CHECK(more.setup == ":; export A=1\nmine");
}

TEST_CASE("a variable that cannot be carried is named") {
  Session session({}, {}, false);
  const auto wishes = script::options_of_environment({{"SBATCH_INPUT", "file"}});
  const auto refused = look_at(session, {"", "the job", wishes, {}, {}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cls == ErrorClass::refused);
  CHECK(refused.error().message.find("\n  SBATCH_INPUT: --input") != std::string::npos);
  SpecOptions spec;
  const auto bad = take_over(spec, script::options_of_environment({{"SBATCH_TIMELIMIT", "soon"}}));
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.starts_with("SBATCH_TIMELIMIT: "));
  spec.time_limit = std::chrono::minutes{1}; // typed: nobody looks at the variable
  CHECK(take_over(spec, script::options_of_environment({{"SBATCH_TIMELIMIT", "soon"}})));
}
