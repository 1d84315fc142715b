#include "core/script/inspect.hpp"

#include "core/base/strings.hpp"
#include "core/script/interpreter.hpp"
#include "core/script/shell.hpp"
#include "core/script/srun_options.hpp"

#include <algorithm>
#include <array>

namespace ckpt::script {
namespace {

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string base_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

class Inspector {
public:
  explicit Inspector(const Subject& subject) : subject_(subject) {}

  std::vector<Finding> findings() {
    options();
    if (is_for_a_shell()) {
      for (const ShellCommand& command : read_commands(subject_.text)) {
        look_at(command);
      }
    }
    return std::move(found_);
  }

private:
  bool is_for_a_shell() const {
    const auto words = interpreter_of(subject_.text);
    if (!words) {
      return false;
    }
    constexpr std::array<std::string_view, 5> kShells{"sh", "bash", "dash", "ksh", "zsh"};
    const bool env = base_of(words->front()) == "env" && words->size() > 1;
    const std::string name = env ? words->at(1).substr(0, words->at(1).find(' ')) : words->front();
    return is_one_of(kShells, base_of(name));
  }

  std::string at(int line) const { return subject_.name + ":" + std::to_string(line); }

  void
  refuse(std::string where, std::string message, std::string advice, std::string translated = {}) {
    found_.push_back(
        {std::move(where), true, std::move(message), std::move(advice), std::move(translated)});
  }
  void tell(std::string where, std::string message, std::string advice) {
    found_.push_back({std::move(where), false, std::move(message), std::move(advice), {}});
  }

  // --- #SBATCH lines, variables, command line ---

  void options() {
    for (const int line : subject_.het_lines) {
      refuse(at(line), "heterogeneous jobs cannot be checkpointed", "submit the parts one by one");
    }
    if (!subject_.pbs_lines.empty()) {
      tell(at(subject_.pbs_lines.front()),
           "#PBS lines are not read (sbatch translates them)",
           "write them as #SBATCH lines");
    }
    for (const Given& given : subject_.options) {
      const std::string& name = given.option.name;
      const std::string value = given.option.value.value_or("");
      if (name.empty()) {
        refuse(given.source,
               "heterogeneous jobs cannot be checkpointed",
               "submit the parts one by one");
      } else if (last_given(subject_.options, name) == &given) {
        option(given, name, value);
      }
    }
  }

  void option(const Given& given, const std::string& name, const std::string& value) {
    if (name == "nodes" && value != "1" && value != "1-1") {
      refuse(given.source,
             "it asks for more than one node (--nodes=" + value +
                 "): parallel jobs over several nodes are not carried yet",
             "write --nodes=1");
    } else if (name == "export-file" || name == "input" || name == "clusters" ||
               name == "test-only" || name == "uid" || name == "gid") {
      refuse(given.source, "--" + name + " is not supported", advice_for(name));
    } else if (name == "get-user-env") {
      tell(given.source,
           "--get-user-env: the login environment is not fetched",
           "use --export=NONE, or `source ~/.profile` in the script");
    } else if (name == "no-requeue") {
      tell(given.source,
           "--no-requeue does not hold: the job goes on by a requeue",
           "use --at-walltime park to stop at the end of an allocation");
    } else if (name == "open-mode" && value == "append") {
      tell(given.source,
           "--open-mode=append: the output is one file over all restarts anyway; what is in it "
           "before the first start is removed",
           "");
    }
  }

  static std::string advice_for(const std::string& name) {
    return name == "input"         ? "redirect it in the script: `./program < FILE`"
           : name == "clusters"    ? "one daemon serves one cluster: submit there"
           : name == "test-only"   ? "ask sbatch itself: `sbatch --test-only SCRIPT`"
           : name == "export-file" ? "load the variables in the script: `source FILE`"
                                   : "submit as the user whom it is for";
  }

  // --- the body ---

  void look_at(const ShellCommand& command) {
    for (const ShellWord& word : command.words) {
      if (word.raw.find("SLURM_RESTART_COUNT") != std::string::npos && !restart_count_told_) {
        restart_count_told_ = true;
        tell(at(command.line),
             "it looks at SLURM_RESTART_COUNT: it need not, a restarted job goes on in the middle "
             "of this script, where it was",
             "the branch for a first start is all that is needed");
      }
    }
    const std::vector<ShellWord> words = without_wrappers(command.words);
    if (words.empty() || !words.front().literal) {
      return;
    }
    const std::string& program = words.front().text;
    const std::string name = base_of(program);
    if (name == "srun") {
      srun(command.line, program, words);
    } else if (name.starts_with("dmtcp_") || name == "mana_launch" || name == "mana_restart" ||
               name == "start_coordinator") {
      dmtcp(command.line, name, words);
    } else {
      others(command.line, name, words);
    }
  }

  void others(int line, const std::string& name, const std::vector<ShellWord>& words) {
    constexpr std::array<std::string_view, 8> kMpi{
        "mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prterun", "ibrun", "aprun", "jsrun"};
    const auto second = words.size() > 1 ? words[1].text : std::string();
    if (name == "scontrol" && second.starts_with("requeue")) {
      refuse(at(line),
             "it requeues itself, and from a checkpoint it would do so for ever",
             "leave the line out: the job is requeued when its time is over");
    } else if (name == "criu" && (second == "dump" || second == "restore")) {
      refuse(at(line), "it checkpoints by itself, with CRIU", "leave the line out");
    } else if (is_one_of(kMpi, name)) {
      tell(at(line),
           name + " starts an MPI program: on one node DMTCP can carry some, other engines none",
           "take a checkpoint and restart from it before you rely on it");
    } else if (name == "sbatch") {
      tell(at(line),
           "it submits another job: after a restart from a checkpoint before this line it does so "
           "again",
           "");
    } else if ((name == "module" && second == "load") || name == "ml") {
      const bool slurm = std::any_of(words.begin() + 1, words.end(), [](const ShellWord& word) {
        return word.text == "slurm" || word.text.starts_with("slurm/");
      });
      if (slurm) {
        tell(at(line),
             "loading this module may put Slurm's own srun before ours, which cannot be "
             "checkpointed",
             "leave the module out: the script has Slurm's commands anyway");
      }
    }
  }

  void srun(int line, const std::string& program, const std::vector<ShellWord>& words) {
    if (program.find('/') != std::string::npos) {
      refuse(at(line),
             program + ": Slurm's own srun cannot be checkpointed, and ours is found by its name "
                       "only",
             "write `srun` without the path");
      return;
    }
    // Behind a variable, nobody knows what is an option and what the program.
    std::vector<std::string> known;
    for (auto word = words.begin() + 1; word != words.end() && word->raw.front() != '$'; ++word) {
      known.push_back(word->text);
    }
    const auto call = parse_srun(known);
    if (!call && call.error().code == "srun_refused") {
      refuse(at(line), call.error().message, call.error().advice);
    } else if (!call && known.size() + 1 == words.size()) {
      refuse(at(line), call.error().message, call.error().advice);
    } else if (call) {
      if (const auto tasks = tasks_of(*call, {});
          !tasks && call->value("nodes").value_or("$").find('$') == std::string::npos) {
        refuse(at(line), tasks.error().message, tasks.error().advice);
      }
    }
  }

  void dmtcp(int line, const std::string& name, const std::vector<ShellWord>& words) {
    const bool launch = name == "dmtcp_launch" || name == "mana_launch";
    if (launch) {
      refuse(at(line),
             name + ": the script checkpoints by itself, and one engine cannot run in another",
             "submit the program without it:",
             translated(words));
    } else if (name == "dmtcp_restart" || name.starts_with("dmtcp_restart_script")) {
      refuse(at(line),
             name + ": a job of ours restarts from its newest checkpoint by itself",
             "leave the line out; `ckpt restart JOB --generation gN` goes back to an older one");
    } else {
      refuse(at(line),
             name + ": coordinators are started and asked for by ckpt",
             "leave the line out; `ckpt checkpoint JOB` and `ckpt coordinators` do that");
    }
  }

  /// `dmtcp_launch [options] PROGRAM ARGS` as ours, with the script's options for Slurm.
  std::string translated(const std::vector<ShellWord>& words) const {
    constexpr std::array<std::string_view, 16> kWithValue{"-h",
                                                          "--coord-host",
                                                          "-p",
                                                          "--coord-port",
                                                          "--port-file",
                                                          "-i",
                                                          "--interval",
                                                          "--ckptdir",
                                                          "--tmpdir",
                                                          "--with-plugin",
                                                          "--ckpt-signal",
                                                          "--coord-logfile",
                                                          "--mpi",
                                                          "-k",
                                                          "--host",
                                                          "--port"};
    std::string every;
    std::size_t at = 1;
    while (at < words.size() && words[at].text.starts_with('-')) {
      const std::string& option = words[at].text;
      ++at;
      if (is_one_of(kWithValue, option) && at < words.size()) {
        every = option == "-i" || option == "--interval" ? words[at].raw : every;
        ++at;
      } else if (option.starts_with("--interval=")) {
        every = option.substr(option.find('=') + 1);
      }
    }
    std::string command = "ckpt submit";
    for (const Given& given : subject_.options) {
      command += " " + shell_join(given.option.words);
    }
    command += every.empty() ? "" : " --every " + every + "s";
    command += " --";
    for (; at < words.size(); ++at) {
      command += " " + words[at].raw;
    }
    return command;
  }

  const Subject& subject_;
  std::vector<Finding> found_;
  bool restart_count_told_ = false;
};

} // namespace

std::vector<Finding> inspect(const Subject& subject) {
  return Inspector(subject).findings();
}

} // namespace ckpt::script
