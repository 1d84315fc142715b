// People who type `ckpt` know sbatch and srun by heart.
#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <set>

using namespace ckpt;
using namespace ckpt::client;

namespace {

/// "-J" and "--job-name", each with whether it takes a value, of `sbatch --help` or `srun --help`.
std::map<std::string, bool> options_of(const std::string& page) {
  const auto text = read_file(Path(CKPT_TEST_DATA) / "slurm" / page);
  REQUIRE(text);
  const std::regex line(R"(^(?:  (-\w)(?:, )?|      )(--[a-z][a-z-]*)?(\[?=\S+)?(?: .*)?$)",
                        std::regex::multiline);
  std::map<std::string, bool> found;
  for (std::sregex_iterator at(text->begin(), text->end(), line), end; at != end; ++at) {
    for (const int group : {1, 2}) {
      if ((*at)[group].matched) {
        found[(*at)[group]] = (*at)[3].matched;
      }
    }
  }
  return found;
}

/// Those of ours that mean what they mean to sbatch.
const std::set<std::string> kTheSame{"--account",
                                     "-A",
                                     "--array",
                                     "-a",
                                     "--begin",
                                     "-b",
                                     "--chdir",
                                     "-D",
                                     "--clusters",
                                     "-M",
                                     "--comment",
                                     "--constraint",
                                     "-C",
                                     "--contiguous",
                                     "--cpus-per-task",
                                     "-c",
                                     "--dependency",
                                     "-d",
                                     "--error",
                                     "-e",
                                     "--exclude",
                                     "-x",
                                     "--exclusive",
                                     "--gpus",
                                     "-G",
                                     "--gpus-per-node",
                                     "--gpus-per-task",
                                     "--gres",
                                     "--help",
                                     "-h",
                                     "--hold",
                                     "-H",
                                     "--job-name",
                                     "-J",
                                     "--licenses",
                                     "-L",
                                     "--mail-type",
                                     "--mail-user",
                                     "--mem",
                                     "--mem-per-cpu",
                                     "--mem-per-gpu",
                                     "--nice",
                                     "--nodelist",
                                     "-w",
                                     "--nodes",
                                     "-N",
                                     "--ntasks",
                                     "-n",
                                     "--output",
                                     "-o",
                                     "--oversubscribe",
                                     "-s",
                                     "--partition",
                                     "-p",
                                     "--priority",
                                     "--qos",
                                     "-q",
                                     "--reservation",
                                     "--time",
                                     "-t",
                                     "--time-min",
                                     "--tmp",
                                     "--wckey",
                                     "--wrap",
                                     "--ntasks-per-node"};
/// srun compresses what --bcast copies, which is no option of a job.
const std::set<std::string> kElsewhere{"--compress"};

void look_at(const VerbDescription& verb, const std::map<std::string, bool>& slurm) {
  for (const VerbDescription::Option& option : verb.options) {
    for (const std::string& name : option.names) {
      const auto theirs = slurm.find(name);
      if (theirs == slurm.end() || kElsewhere.contains(name)) {
        continue;
      }
      CAPTURE(verb.name);
      CAPTURE(name);
      CHECK(kTheSame.contains(name));
      if (name.starts_with("--")) { // the help shows a value behind the long name only
        CHECK(theirs->second == !option.value.empty());
      }
    }
  }
  for (const VerbDescription& below : verb.verbs) {
    look_at(below, slurm);
  }
}

} // namespace

TEST_CASE("no option has the name of one of sbatch's or srun's with another meaning") {
  std::map<std::string, bool> slurm = options_of("srun-help.txt");
  for (const auto& [name, value] : options_of("sbatch-help.txt")) {
    slurm[name] = value;
  }
  CHECK(slurm.size() > 150);
  CHECK(slurm.at("--array"));
  CHECK(slurm.contains("-a"));
  CHECK_FALSE(slurm.at("--hold"));
  Cli cli;
  add_all(cli);
  for (const VerbDescription& verb : cli.describe()) {
    if (verb.name != "sbatch") { // has sbatch's own beside those of submit
      look_at(verb, slurm);
    }
  }
}
