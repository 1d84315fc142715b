#include "core/script/srun_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace ckpt::script {
namespace {

enum class Value { none, needed, optional };
enum class Use { honoured, passed_over, refused };

struct Known {
  std::string_view name;
  char letter;
  Value value;
  Use use;
  std::string_view why = {};
};

constexpr std::string_view kOtherAllocation = "it would be another allocation than the job's own";
constexpr std::string_view kHelper = "Slurm's own step helpers are not there";

// `srun --help` and srun(1) of 22.05. Passed over: what places or accounts for a step; the whole
// allocation is the script's anyway.
constexpr std::array kKnown{
    Known{"accel-bind", 0, Value::needed, Use::passed_over},
    Known{"account", 'A', Value::needed, Use::passed_over},
    Known{"acctg-freq", 0, Value::needed, Use::passed_over},
    Known{"bb", 0, Value::needed, Use::refused, kHelper},
    Known{"bbf", 0, Value::needed, Use::refused, kHelper},
    Known{"bcast", 0, Value::optional, Use::refused, "nothing is copied to nodes; use cp"},
    Known{"bcast-exclude", 0, Value::needed, Use::passed_over},
    Known{"begin", 'b', Value::needed, Use::refused, kOtherAllocation},
    Known{"chdir", 'D', Value::needed, Use::honoured},
    Known{"clusters", 'M', Value::needed, Use::refused, kOtherAllocation},
    Known{"comment", 0, Value::needed, Use::passed_over},
    Known{"compress", 0, Value::optional, Use::passed_over},
    Known{"constraint", 'C', Value::needed, Use::passed_over},
    Known{"container", 0, Value::needed, Use::refused, kHelper},
    Known{"contiguous", 0, Value::none, Use::passed_over},
    Known{"core-spec", 'S', Value::needed, Use::passed_over},
    Known{"cores-per-socket", 0, Value::needed, Use::passed_over},
    Known{"cpu-bind", 0, Value::needed, Use::passed_over},
    Known{"cpu-freq", 0, Value::needed, Use::passed_over},
    Known{"cpus-per-gpu", 0, Value::needed, Use::passed_over},
    Known{"cpus-per-task", 'c', Value::needed, Use::honoured},
    Known{"deadline", 0, Value::needed, Use::passed_over},
    Known{"delay-boot", 0, Value::needed, Use::passed_over},
    Known{"dependency", 'd', Value::needed, Use::refused, kOtherAllocation},
    Known{"disable-status", 'X', Value::none, Use::passed_over},
    Known{"distribution", 'm', Value::needed, Use::passed_over},
    Known{"epilog", 0, Value::needed, Use::refused, kHelper},
    Known{"error", 'e', Value::needed, Use::honoured},
    Known{"exact", 0, Value::none, Use::passed_over},
    Known{"exclude", 'x', Value::needed, Use::passed_over},
    Known{"exclusive", 0, Value::optional, Use::passed_over},
    Known{"export", 0, Value::needed, Use::honoured},
    Known{"extra-node-info", 'B', Value::needed, Use::passed_over},
    Known{"gpu-bind", 0, Value::needed, Use::passed_over},
    Known{"gpu-freq", 0, Value::needed, Use::passed_over},
    Known{"gpus", 'G', Value::needed, Use::passed_over},
    Known{"gpus-per-node", 0, Value::needed, Use::passed_over},
    Known{"gpus-per-socket", 0, Value::needed, Use::passed_over},
    Known{"gpus-per-task", 0, Value::needed, Use::passed_over},
    Known{"gres", 0, Value::needed, Use::passed_over},
    Known{"gres-flags", 0, Value::needed, Use::passed_over},
    Known{"het-group", 0, Value::needed, Use::refused, "heterogeneous jobs cannot be checkpointed"},
    Known{"hint", 0, Value::needed, Use::passed_over},
    Known{"hold", 'H', Value::none, Use::refused, kOtherAllocation},
    Known{"immediate", 'I', Value::optional, Use::passed_over},
    Known{"input", 'i', Value::needed, Use::honoured},
    Known{"job-name", 'J', Value::needed, Use::passed_over},
    Known{"jobid", 0, Value::needed, Use::refused, "steps of another job cannot be checkpointed"},
    Known{"kill-on-bad-exit", 'K', Value::optional, Use::honoured},
    Known{"label", 'l', Value::none, Use::honoured},
    Known{"licenses", 'L', Value::needed, Use::passed_over},
    Known{"mail-type", 0, Value::needed, Use::passed_over},
    Known{"mail-user", 0, Value::needed, Use::passed_over},
    Known{"mem", 0, Value::needed, Use::passed_over},
    Known{"mem-bind", 0, Value::needed, Use::passed_over},
    Known{"mem-per-cpu", 0, Value::needed, Use::passed_over},
    Known{"mem-per-gpu", 0, Value::needed, Use::passed_over},
    Known{"mincpus", 0, Value::needed, Use::passed_over},
    Known{"mpi", 0, Value::needed, Use::honoured},
    Known{"msg-timeout", 0, Value::needed, Use::passed_over},
    Known{"multi-prog", 0, Value::none, Use::refused, "a file of several programs is not read"},
    Known{"network", 0, Value::needed, Use::passed_over},
    Known{"nice", 0, Value::optional, Use::passed_over},
    Known{"no-allocate", 'Z', Value::none, Use::refused, kOtherAllocation},
    Known{"no-kill", 'k', Value::optional, Use::passed_over},
    Known{"nodefile", 'F', Value::needed, Use::passed_over},
    Known{"nodelist", 'w', Value::needed, Use::passed_over},
    Known{"nodes", 'N', Value::needed, Use::honoured},
    Known{"ntasks", 'n', Value::needed, Use::honoured},
    Known{"ntasks-per-core", 0, Value::needed, Use::passed_over},
    Known{"ntasks-per-gpu", 0, Value::needed, Use::passed_over},
    Known{"ntasks-per-node", 0, Value::needed, Use::honoured},
    Known{"ntasks-per-socket", 0, Value::needed, Use::passed_over},
    Known{"open-mode", 0, Value::needed, Use::honoured},
    Known{"output", 'o', Value::needed, Use::honoured},
    Known{"overcommit", 'O', Value::none, Use::honoured},
    Known{"overlap", 0, Value::none, Use::passed_over},
    Known{"oversubscribe", 's', Value::none, Use::passed_over},
    Known{"partition", 'p', Value::needed, Use::passed_over},
    Known{"preserve-env", 'E', Value::none, Use::passed_over},
    Known{"profile", 0, Value::needed, Use::passed_over},
    Known{"prolog", 0, Value::needed, Use::refused, kHelper},
    Known{"propagate", 0, Value::optional, Use::passed_over},
    Known{"pty", 0, Value::none, Use::refused, "a pseudo terminal cannot be checkpointed"},
    Known{"qos", 'q', Value::needed, Use::passed_over},
    Known{"quiet", 'Q', Value::none, Use::honoured},
    Known{"quit-on-interrupt", 0, Value::none, Use::passed_over},
    Known{"relative", 'r', Value::needed, Use::passed_over},
    Known{"reservation", 0, Value::needed, Use::passed_over},
    Known{"resv-ports", 0, Value::optional, Use::refused, "it is for MPI"},
    Known{"send-libs", 0, Value::optional, Use::passed_over},
    Known{"signal", 0, Value::needed, Use::refused, "give it to the job: #SBATCH --signal"},
    Known{"slurmd-debug", 0, Value::needed, Use::passed_over},
    Known{"sockets-per-node", 0, Value::needed, Use::passed_over},
    Known{"spread-job", 0, Value::none, Use::passed_over},
    Known{"switches", 0, Value::needed, Use::passed_over},
    Known{"task-epilog", 0, Value::needed, Use::refused, kHelper},
    Known{"task-prolog", 0, Value::needed, Use::refused, kHelper},
    Known{"test-only", 0, Value::none, Use::refused, kOtherAllocation},
    Known{"thread-spec", 0, Value::needed, Use::passed_over},
    Known{"threads", 'T', Value::needed, Use::passed_over},
    Known{"threads-per-core", 0, Value::needed, Use::passed_over},
    Known{"time", 't', Value::needed, Use::refused, "write `timeout` before the program instead"},
    Known{"time-min", 0, Value::needed, Use::passed_over},
    Known{"tmp", 0, Value::needed, Use::passed_over},
    Known{"unbuffered", 'u', Value::none, Use::passed_over},
    Known{"use-min-nodes", 0, Value::none, Use::passed_over},
    Known{"verbose", 'v', Value::none, Use::passed_over},
    Known{"wait", 'W', Value::needed, Use::passed_over},
    Known{"wckey", 0, Value::needed, Use::passed_over},
    Known{"x11", 0, Value::optional, Use::refused, "a connection to a display cannot be saved"},
};

tl::unexpected<Error> bad_usage(const std::string& message) {
  return fail(ErrorClass::usage, "srun_usage", message, "see `man srun` for its options");
}

tl::unexpected<Error> refused(const std::string& message, const std::string& advice = {}) {
  return fail(ErrorClass::refused, "srun_refused", message, advice);
}

Result<const Known*> find_long(const std::string& name) {
  const Known* found = nullptr;
  for (const Known& candidate : kKnown) {
    if (candidate.name == name) {
      return &candidate;
    }
    if (candidate.name.starts_with(name)) {
      if (found != nullptr) {
        return bad_usage("srun: option '--" + name + "' is ambiguous");
      }
      found = &candidate;
    }
  }
  if (found == nullptr) {
    return bad_usage("srun: unrecognized option '--" + name + "'");
  }
  return found;
}

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

Status take(SrunCall& call, const Known& known, const std::string& value) {
  if (known.use == Use::refused) {
    return refused("srun --" + std::string(known.name) +
                   " cannot work in a checkpointed script: " + std::string(known.why));
  }
  if (known.name == "mpi" && value != "none") {
    return refused("srun --mpi=" + value +
                       " cannot work in a checkpointed script: parallel jobs "
                       "with MPI are not carried yet",
                   "programs of one process work, and several tasks without MPI on one node");
  }
  call.options[std::string(known.name)] = value;
  return {};
}

class Reader {
public:
  explicit Reader(const std::vector<std::string>& words) : words_(words) {}

  Result<SrunCall> read() {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--") {
        ++at_;
        break;
      }
      if (word == ":") {
        return refused("srun with `:` starts a heterogeneous step, which cannot be checkpointed");
      }
      if (word.size() < 2 || word.front() != '-') {
        break;
      }
      const Status status = word[1] == '-' ? read_long(word) : read_letters(word);
      if (!status) {
        return tl::unexpected(status.error());
      }
    }
    call_.command = std::min(at_, words_.size());
    return call_;
  }

private:
  Result<std::string> next(const std::string& option) {
    if (at_ + 1 >= words_.size()) {
      return bad_usage("srun: option '" + option + "' requires an argument");
    }
    return words_[++at_];
  }

  Status read_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const auto known = find_long(word.substr(2, equals == std::string::npos ? equals : equals - 2));
    if (!known) {
      return tl::unexpected(known.error());
    }
    if (equals != std::string::npos) {
      return take(call_, **known, word.substr(equals + 1));
    }
    if ((*known)->value != Value::needed) {
      return take(call_, **known, "");
    }
    const auto value = next(word);
    return value ? take(call_, **known, *value) : Status(tl::unexpected(value.error()));
  }

  Status read_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& candidate) {
        return candidate.letter == word[i];
      });
      if (known == kKnown.end()) {
        return bad_usage("srun: invalid option -- '" + word.substr(i, 1) + "'");
      }
      if (known->value == Value::none) {
        if (auto taken = take(call_, *known, ""); !taken) {
          return taken;
        }
        continue;
      }
      if (i + 1 < word.size() || known->value == Value::optional) {
        return take(call_, *known, word.substr(i + 1));
      }
      const auto value = next(word);
      return value ? take(call_, *known, *value) : Status(tl::unexpected(value.error()));
    }
    return {};
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  SrunCall call_;
};

} // namespace

Result<SrunCall> parse_srun(const std::vector<std::string>& words) {
  return Reader(words).read();
}

Result<int> tasks_of(const SrunCall& call, const std::map<std::string, std::string>& env) {
  const auto of_env = [&](const char* name) {
    const auto found = env.find(name);
    return found == env.end() ? std::nullopt : number(found->second);
  };
  const auto nodes = call.value("nodes");
  const bool one = !nodes || *nodes == "1" || *nodes == "1-1";
  if (!one || (!nodes && of_env("SLURM_JOB_NUM_NODES").value_or(1) > 1)) {
    return refused(
        "srun on more than one node cannot be checkpointed (" +
            (nodes ? "-N " + *nodes : "the allocation has " + env.at("SLURM_JOB_NUM_NODES")) + ")",
        "submit with --nodes=1");
  }
  for (const char* name : {"ntasks", "ntasks-per-node"}) {
    if (const auto text = call.value(name)) {
      const auto count = number(*text);
      if (!count || *count < 1) {
        return bad_usage("srun: invalid number of tasks (-n " + *text + ")");
      }
      return *count;
    }
  }
  return std::max(1, of_env("SLURM_NTASKS").value_or(1));
}

} // namespace ckpt::script
