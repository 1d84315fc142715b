// Invariants: what sbatch's getopt_long would read, we read alike: abbreviations, bundled letters,
// values in the same word or in the next one, the last of several wins.
#include "core/scheduler/slurm/options.hpp"

#include <algorithm>
#include <array>

namespace ckpt::scheduler::slurm {
namespace {

using Known = KnownOption;
using Value = KnownOption::Value;

// `sbatch --help` of 22.05.8 (tests/data/slurm/sbatch-help.txt), with the options that it does not
// list but takes.
constexpr std::array kKnown{
    Known{"array", 'a', Value::needed},
    Known{"account", 'A', Value::needed},
    Known{"acctg-freq", 0, Value::needed},
    Known{"batch", 0, Value::needed},
    Known{"bb", 0, Value::needed},
    Known{"bbf", 0, Value::needed},
    Known{"begin", 'b', Value::needed},
    Known{"chdir", 'D', Value::needed},
    Known{"cluster-constraint", 0, Value::needed},
    Known{"clusters", 'M', Value::needed},
    Known{"comment", 0, Value::needed},
    Known{"constraint", 'C', Value::needed},
    Known{"container", 0, Value::needed},
    Known{"contiguous", 0, Value::none},
    Known{"core-spec", 'S', Value::needed},
    Known{"cores-per-socket", 0, Value::needed},
    Known{"cpu-freq", 0, Value::needed},
    Known{"cpus-per-gpu", 0, Value::needed},
    Known{"cpus-per-task", 'c', Value::needed},
    Known{"deadline", 0, Value::needed},
    Known{"delay-boot", 0, Value::needed},
    Known{"dependency", 'd', Value::needed},
    Known{"distribution", 'm', Value::needed},
    Known{"error", 'e', Value::needed},
    Known{"exclude", 'x', Value::needed},
    Known{"exclusive", 0, Value::optional},
    Known{"export", 0, Value::needed},
    Known{"export-file", 0, Value::needed},
    Known{"extra-node-info", 'B', Value::needed},
    Known{"get-user-env", 0, Value::optional},
    Known{"gid", 0, Value::needed},
    Known{"gpu-bind", 0, Value::needed},
    Known{"gpu-freq", 0, Value::needed},
    Known{"gpus", 'G', Value::needed},
    Known{"gpus-per-node", 0, Value::needed},
    Known{"gpus-per-socket", 0, Value::needed},
    Known{"gpus-per-task", 0, Value::needed},
    Known{"gres", 0, Value::needed},
    Known{"gres-flags", 0, Value::needed},
    Known{"help", 'h', Value::none},
    Known{"hint", 0, Value::needed},
    Known{"hold", 'H', Value::none},
    Known{"ignore-pbs", 0, Value::none},
    Known{"input", 'i', Value::needed},
    Known{"job-name", 'J', Value::needed},
    Known{"kill-on-invalid-dep", 0, Value::needed},
    Known{"licenses", 'L', Value::needed},
    Known{"mail-type", 0, Value::needed},
    Known{"mail-user", 0, Value::needed},
    Known{"mcs-label", 0, Value::needed},
    Known{"mem", 0, Value::needed},
    Known{"mem-bind", 0, Value::needed},
    Known{"mem-per-cpu", 0, Value::needed},
    Known{"mem-per-gpu", 0, Value::needed},
    Known{"mincpus", 0, Value::needed},
    Known{"network", 0, Value::needed},
    Known{"nice", 0, Value::optional},
    Known{"no-kill", 'k', Value::optional},
    Known{"no-requeue", 0, Value::none},
    Known{"nodefile", 'F', Value::needed},
    Known{"nodelist", 'w', Value::needed},
    Known{"nodes", 'N', Value::needed},
    Known{"ntasks", 'n', Value::needed},
    Known{"ntasks-per-core", 0, Value::needed},
    Known{"ntasks-per-gpu", 0, Value::needed},
    Known{"ntasks-per-node", 0, Value::needed},
    Known{"ntasks-per-socket", 0, Value::needed},
    Known{"open-mode", 0, Value::needed},
    Known{"output", 'o', Value::needed},
    Known{"overcommit", 'O', Value::none},
    Known{"oversubscribe", 's', Value::none},
    Known{"parsable", 0, Value::none},
    Known{"partition", 'p', Value::needed},
    Known{"power", 0, Value::needed},
    Known{"priority", 0, Value::needed},
    Known{"profile", 0, Value::needed},
    Known{"propagate", 0, Value::optional},
    Known{"qos", 'q', Value::needed},
    Known{"quiet", 'Q', Value::none},
    Known{"reboot", 0, Value::none},
    Known{"requeue", 0, Value::none},
    Known{"reservation", 0, Value::needed},
    Known{"signal", 0, Value::needed},
    Known{"sockets-per-node", 0, Value::needed},
    Known{"spread-job", 0, Value::none},
    Known{"switches", 0, Value::needed},
    Known{"test-only", 0, Value::none},
    Known{"thread-spec", 0, Value::needed},
    Known{"threads-per-core", 0, Value::needed},
    Known{"time", 't', Value::needed},
    Known{"time-min", 0, Value::needed},
    Known{"tmp", 0, Value::needed},
    Known{"uid", 0, Value::needed},
    Known{"usage", 0, Value::none},
    Known{"use-min-nodes", 0, Value::none},
    Known{"verbose", 'v', Value::none},
    Known{"version", 'V', Value::none},
    Known{"wait", 'W', Value::none},
    Known{"wait-all-nodes", 0, Value::needed},
    Known{"wckey", 0, Value::needed},
    Known{"wrap", 0, Value::needed},
};

} // namespace

std::span<const KnownOption> known_options() {
  return kKnown;
}

namespace {

tl::unexpected<Error> bad_option(const std::string& message) {
  return fail(ErrorClass::usage, "bad_option", message, "see `sbatch --help` for its options");
}

class Reader {
public:
  explicit Reader(const std::vector<std::string>& args) : args_(args) {}

  Result<std::vector<SbatchOption>> read() {
    while (at_ < args_.size()) {
      const std::string& word = args_[at_++];
      Status status;
      if (word == ":") {
        options_.push_back({"", std::nullopt, {word}});
      } else if (word.size() > 2 && word.starts_with("--")) {
        status = read_long(word);
      } else if (word.size() > 1 && word[0] == '-' && word[1] != '-') {
        status = read_letters(word);
      } else {
        return bad_option("'" + word + "' is not an option of sbatch");
      }
      if (!status) {
        return tl::unexpected<Error>(status.error());
      }
    }
    return std::move(options_);
  }

private:
  Status read_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    SbatchOption option{name, std::nullopt, {word}};
    if (equals != std::string::npos) {
      option.value = word.substr(equals + 1);
    }
    const auto known = find_long(name);
    if (!known) {
      return tl::unexpected<Error>(known.error());
    }
    if (*known != nullptr) {
      option.name = (*known)->name;
      if ((*known)->value == Value::needed && !option.value) {
        if (auto taken = take_next(option); !taken) {
          return taken;
        }
      }
    }
    options_.push_back(std::move(option));
    return {};
  }

  Status read_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& candidate) {
        return candidate.letter == word[i];
      });
      if (known == kKnown.end()) {
        return bad_option("'-" + word.substr(i, 1) + "' is not an option of sbatch");
      }
      SbatchOption option{std::string(known->name), std::nullopt, {}};
      option.words.push_back(word.substr(i).insert(0, "-"));
      if (known->value == Value::none) {
        option.words.front().resize(2);
        options_.push_back(std::move(option));
        continue;
      }
      if (i + 1 < word.size()) {
        option.value = word.substr(i + 1);
      } else if (known->value == Value::needed) {
        if (auto taken = take_next(option); !taken) {
          return taken;
        }
      }
      options_.push_back(std::move(option));
      break;
    }
    return {};
  }

  /// Null: not in our table.
  static Result<const Known*> find_long(const std::string& name) {
    const Known* found = nullptr;
    for (const Known& candidate : kKnown) {
      if (candidate.name == name) {
        return &candidate;
      }
      if (candidate.name.starts_with(name)) {
        if (found != nullptr) {
          return bad_option("'--" + name + "' may mean --" + std::string(found->name) + " or --" +
                            std::string(candidate.name));
        }
        found = &candidate;
      }
    }
    return found;
  }

  Status take_next(SbatchOption& option) {
    if (at_ == args_.size()) {
      return bad_option("the option " + option.words.front() + " needs a value");
    }
    option.words.push_back(args_[at_]);
    option.value = args_[at_++];
    return {};
  }

  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  std::vector<SbatchOption> options_;
};

} // namespace

Result<std::vector<SbatchOption>> parse_options(const std::vector<std::string>& args) {
  return Reader(args).read();
}

std::optional<std::string> last_value(const std::vector<SbatchOption>& options,
                                      std::string_view name) {
  std::optional<std::string> value;
  for (const SbatchOption& option : options) {
    if (option.name == name) {
      value = option.value;
    }
  }
  return value;
}

} // namespace ckpt::scheduler::slurm
