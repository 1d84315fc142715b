#include "core/script/directives.hpp"

#include "core/base/strings.hpp"

#include <algorithm>
#include <array>

namespace ckpt::script {
namespace {

namespace slurm = scheduler::slurm;

constexpr std::string_view kMark = "#SBATCH";
constexpr std::string_view kPbsMark = "#PBS";

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

tl::unexpected<Error> bad_line(const std::string& name, int line, const std::string& message) {
  return fail(ErrorClass::usage,
              "bad_script",
              name + ":" + std::to_string(line) + ": " + message,
              "sbatch would not take this line either; `man sbatch` has its options.");
}

/// The words of one line behind #SBATCH. A space ends a word even behind a backslash; a backslash
/// works inside single quotes; a word of quotes alone is none. That is how sbatch reads.
Result<std::vector<std::string>>
words_of(std::string_view text, const std::string& name, int number) {
  std::vector<std::string> words;
  std::string word;
  char quote = '\0';
  bool escaped = false;
  const auto finish = [&] {
    if (!word.empty()) {
      words.push_back(std::move(word));
    }
    word.clear();
  };
  for (const char c : text) {
    if (quote == '\0' && is_blank(c)) {
      finish();
      escaped = false;
    } else if (escaped) {
      word += c;
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (quote != '\0' && c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote == '\0' && c == '#') {
      break; // the rest is a remark
    } else {
      word += c;
    }
  }
  if (quote != '\0') {
    return bad_line(name, number, std::string("unmatched ") + quote);
  }
  finish();
  return words;
}

struct Variable {
  std::string_view name;
  std::string_view option;
  bool flag = false;
};

// sbatch(1), INPUT ENVIRONMENT VARIABLES, of 22.05.
constexpr std::array kVariables{
    Variable{"SBATCH_ACCOUNT", "account"},
    Variable{"SBATCH_ACCTG_FREQ", "acctg-freq"},
    Variable{"SBATCH_ARRAY_INX", "array"},
    Variable{"SBATCH_BATCH", "batch"},
    Variable{"SBATCH_CLUSTERS", "clusters"},
    Variable{"SBATCH_CONSTRAINT", "constraint"},
    Variable{"SBATCH_CONTAINER", "container"},
    Variable{"SBATCH_CORE_SPEC", "core-spec"},
    Variable{"SBATCH_CPUS_PER_GPU", "cpus-per-gpu"},
    Variable{"SBATCH_DELAY_BOOT", "delay-boot"},
    Variable{"SBATCH_DISTRIBUTION", "distribution"},
    Variable{"SBATCH_ERROR", "error"},
    Variable{"SBATCH_EXPORT", "export"},
    Variable{"SBATCH_GPU_BIND", "gpu-bind"},
    Variable{"SBATCH_GPU_FREQ", "gpu-freq"},
    Variable{"SBATCH_GPUS", "gpus"},
    Variable{"SBATCH_GPUS_PER_NODE", "gpus-per-node"},
    Variable{"SBATCH_GPUS_PER_TASK", "gpus-per-task"},
    Variable{"SBATCH_GRES", "gres"},
    Variable{"SBATCH_GRES_FLAGS", "gres-flags"},
    Variable{"SBATCH_HINT", "hint"},
    Variable{"SBATCH_INPUT", "input"},
    Variable{"SBATCH_JOB_NAME", "job-name"},
    Variable{"SBATCH_MEM_BIND", "mem-bind"},
    Variable{"SBATCH_MEM_PER_CPU", "mem-per-cpu"},
    Variable{"SBATCH_MEM_PER_GPU", "mem-per-gpu"},
    Variable{"SBATCH_MEM_PER_NODE", "mem"},
    Variable{"SBATCH_NETWORK", "network"},
    Variable{"SBATCH_NO_REQUEUE", "no-requeue", true},
    Variable{"SBATCH_OPEN_MODE", "open-mode"},
    Variable{"SBATCH_OUTPUT", "output"},
    Variable{"SBATCH_OVERCOMMIT", "overcommit", true},
    Variable{"SBATCH_PARTITION", "partition"},
    Variable{"SBATCH_POWER", "power"},
    Variable{"SBATCH_PROFILE", "profile"},
    Variable{"SBATCH_QOS", "qos"},
    Variable{"SBATCH_REQUEUE", "requeue", true},
    Variable{"SBATCH_RESERVATION", "reservation"},
    Variable{"SBATCH_SIGNAL", "signal"},
    Variable{"SBATCH_SPREAD_JOB", "spread-job", true},
    Variable{"SBATCH_THREAD_SPEC", "thread-spec"},
    Variable{"SBATCH_THREADS_PER_CORE", "threads-per-core"},
    Variable{"SBATCH_TIMELIMIT", "time"},
    Variable{"SBATCH_USE_MIN_NODES", "use-min-nodes", true},
    Variable{"SBATCH_WAIT", "wait", true},
    Variable{"SBATCH_WAIT_ALL_NODES", "wait-all-nodes"},
    Variable{"SBATCH_WCKEY", "wckey"},
};
// Options whose value may be left out: a variable without one means that.
constexpr std::array kOptionalVariables{
    Variable{"SBATCH_EXCLUSIVE", "exclusive"},
    Variable{"SBATCH_GET_USER_ENV", "get-user-env"},
    Variable{"SBATCH_NO_KILL", "no-kill"},
};

/// As sbatch takes the value of a flag's variable.
bool is_on(const std::string& value) {
  const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
  return value.empty() || value == "yes" ||
         (number && value.find_first_not_of('0') != std::string::npos);
}

Given of_variable(const Variable& variable, const std::optional<std::string>& value) {
  Given given;
  given.option.name = variable.option;
  given.option.value = value;
  given.option.words = {"--" + given.option.name + (value ? "=" + *value : "")};
  given.source = variable.name;
  return given;
}

/// The wishes of which sbatch takes one only.
std::string_view kind_of(std::string_view name) {
  return name == "mem" || name == "mem-per-cpu" || name == "mem-per-gpu" ? "mem" : "";
}

} // namespace

Result<Directives> read_directives(std::string_view script, const std::string& name) {
  Directives found;
  int number = 0;
  while (!script.empty()) {
    const std::size_t end = std::min(script.find('\n'), script.size());
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(std::min(end + 1, script.size()));
    ++number;
    if (!line.starts_with(kMark)) {
      const std::string_view text = trim(line);
      if (!text.empty() && text.front() != '#') {
        break; // the first command: what comes now is the shell's alone
      }
      if (line.starts_with(kPbsMark)) {
        found.pbs_lines.push_back(number);
      }
      continue;
    }
    auto words = words_of(line.substr(kMark.size()), name, number);
    if (!words) {
      return tl::unexpected(words.error());
    }
    for (const char* het : {"hetjob", "packjob"}) {
      if (std::erase(*words, het) > 0) {
        found.het_lines.push_back(number);
      }
    }
    auto options = slurm::parse_options(*words);
    if (!options) {
      return bad_line(name, number, options.error().message);
    }
    for (slurm::SbatchOption& option : *options) {
      found.options.push_back({std::move(option), number, name + ":" + std::to_string(number)});
    }
  }
  return found;
}

std::vector<Given> options_of_environment(const std::map<std::string, std::string>& env) {
  std::vector<Given> given;
  for (const Variable& variable : kVariables) {
    const auto found = env.find(std::string(variable.name));
    if (found != env.end() && variable.flag && is_on(found->second)) {
      given.push_back(of_variable(variable, std::nullopt));
    } else if (found != env.end() && !variable.flag && !found->second.empty()) {
      given.push_back(of_variable(variable, found->second));
    }
  }
  for (const Variable& variable : kOptionalVariables) {
    const auto found = env.find(std::string(variable.name));
    if (found != env.end()) {
      given.push_back(of_variable(
          variable, is_on(found->second) ? std::nullopt : std::optional(found->second)));
    }
  }
  return given;
}

std::vector<Given> merged(const std::vector<std::vector<Given>>& layers) {
  std::vector<Given> all;
  for (const std::vector<Given>& layer : layers) {
    for (const Given& later : layer) {
      std::erase_if(all, [&](const Given& earlier) {
        return !kind_of(earlier.option.name).empty() && earlier.source != later.source &&
               earlier.option.name != later.option.name &&
               kind_of(earlier.option.name) == kind_of(later.option.name) &&
               (earlier.line == 0 || later.line == 0);
      });
    }
    all.insert(all.end(), layer.begin(), layer.end());
  }
  return all;
}

const Given* last_given(const std::vector<Given>& given, std::string_view name) {
  const auto found = std::find_if(
      given.rbegin(), given.rend(), [&](const Given& one) { return one.option.name == name; });
  return found == given.rend() ? nullptr : &*found;
}

} // namespace ckpt::script
