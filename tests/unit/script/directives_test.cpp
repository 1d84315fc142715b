// Each line with what sbatch 22.05.8 made of it on a real cluster (`sbatch -H`, then `scontrol show
// job`): tests/data/scripts/README.md.
#include "core/script/directives.hpp"
#include "core/script/interpreter.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::script;

namespace {

std::string value(const Directives& directives, const char* name) {
  const Given* found = last_given(directives.options, name);
  return found == nullptr ? "(none)" : found->option.value.value_or("(no value)");
}

/// The job's name that those lines give.
std::string name_by(const std::string& lines) {
  const auto read = read_directives("#!/bin/sh\n" + lines, "job.sh");
  return read ? value(*read, "job-name") : "error: " + read.error().message;
}

} // namespace

TEST_CASE("#SBATCH lines are read as sbatch reads them") {
  CHECK(name_by("#SBATCH -J tab\n") == "tab");
  CHECK(name_by("#SBATCH\t-J\ttab\n") == "tab");
  CHECK(name_by("#SBATCH-J glued\n") == "glued");
  CHECK(name_by("#SBATCH -J a#b\n") == "a");
  CHECK(name_by("#SBATCH -J 'a#b'\n") == "a#b");
  CHECK(name_by("#SBATCH -J \"a #b\" # remark\n") == "a #b");
  CHECK(name_by("#SBATCH -J \"a\\\"b\"\n") == "a\"b");
  CHECK(name_by("#SBATCH -J 'a\\b'\n") == "ab");
  CHECK(name_by("#SBATCH --job-name=\"a b\"c\n") == "a bc");
  CHECK(name_by("#SBATCH -J one\n#SBATCH -J two\n") == "two");
  CHECK(name_by("  #SBATCH -J indented\n# SBATCH -J spaced\n##SBATCH -J doubled\n") == "(none)");
  CHECK(name_by("\n# text\n\n#SBATCH -J late\n") == "late");
  CHECK(name_by("true\n#SBATCH -J behind\n") == "(none)");
}

TEST_CASE("lines that sbatch refuses are refused with their number") {
  for (const char* lines : {"#SBATCH -J a\\ b\\#c\n",
                            "#SBATCHX -J a\n",
                            "#SBATCH hello -J a\n",
                            "#SBATCH -J 'a\n",
                            "#SBATCH -J ''\n",
                            "#SBATCH -J \\\n"}) {
    const std::string told = name_by(lines);
    CHECK_MESSAGE(told.starts_with("error: job.sh:2: "), lines << told);
  }
  CHECK(name_by("#SBATCH -t 5\n#SBATCH -J \"a\n").starts_with("error: job.sh:3: unmatched \""));
}

TEST_CASE("several options in a line, long, short and bundled, with the line they stand in") {
  const auto read = read_directives(
      "#!/bin/bash\n#SBATCH -n4 --mem 2G -t 1:00 # a remark\n#SBATCH hetjob\n#PBS -N x\n", "j");
  REQUIRE(read);
  CHECK(value(*read, "ntasks") == "4");
  CHECK(value(*read, "mem") == "2G");
  CHECK(value(*read, "time") == "1:00");
  CHECK(last_given(read->options, "time")->source == "j:2");
  CHECK(read->het_lines == std::vector{3});
  CHECK(read->pbs_lines == std::vector{4});
}

TEST_CASE("command line over environment over script") {
  const auto lines = read_directives("#!/bin/sh\n#SBATCH -p a -J a -t 1 --mem=1G\n", "j")->options;
  const auto env = options_of_environment({{"SBATCH_PARTITION", "b"},
                                           {"SBATCH_JOB_NAME", "b"},
                                           {"SBATCH_EXCLUSIVE", ""},
                                           {"SBATCH_REQUEUE", "0"},
                                           {"SBATCH_NO_REQUEUE", "yes"},
                                           {"HOME", "/h"}});
  std::vector<Given> typed;
  const auto words = scheduler::slurm::parse_options({"-Jc", "--mem-per-cpu=2G"});
  for (const auto& option : *words) {
    typed.push_back({option, 0, "command line"});
  }
  const auto all = merged({lines, env, typed});
  CHECK(last_given(all, "job-name")->option.value == "c");
  CHECK(last_given(all, "partition")->option.value == "b");
  CHECK(last_given(all, "partition")->source == "SBATCH_PARTITION");
  CHECK(last_given(all, "time")->option.value == "1");
  CHECK(last_given(all, "mem") == nullptr); // another kind of memory is asked for
  CHECK(last_given(all, "exclusive") != nullptr);
  CHECK(last_given(all, "requeue") == nullptr);
  CHECK(last_given(all, "no-requeue") != nullptr);
}

TEST_CASE("the interpreter is what the kernel would run") {
  CHECK(*interpreter_of("#! /bin/sh -e -x\ntrue\n") ==
        std::vector<std::string>{"/bin/sh", "-e -x"});
  CHECK(*interpreter_of("#!/bin/bash") == std::vector<std::string>{"/bin/bash"});
  for (const std::string text : {"", "\n\n", "echo\n", "\n#!/bin/sh\n", "#!\n", "#!/bin/sh\r\n"}) {
    CHECK_FALSE(interpreter_of(text));
  }
  CHECK_FALSE(interpreter_of(std::string("#!/bin/sh\n\0\n", 12)));
  CHECK_FALSE(interpreter_of("#!/bin/sh\n" + std::string(kLargestScript, '#')));
}
