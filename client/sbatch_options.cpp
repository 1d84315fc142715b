#include "client/sbatch_options.hpp"

#include "core/script/directives.hpp"

#include <algorithm>
#include <array>

namespace ckpt::client {
namespace {

struct SbatchOption {
  const char* names;
  const char* value; ///< nullptr: a flag; "?…": the value may be left out
  const char* help;
};

constexpr std::array kOptions{
    SbatchOption{"-p,--partition", "NAME", "Partition"},
    SbatchOption{"-A,--account", "NAME", "Account to charge"},
    SbatchOption{"-q,--qos", "NAME", "Quality of service"},
    SbatchOption{"-c,--cpus-per-task", "N", "CPUs for each task"},
    SbatchOption{"-n,--ntasks", "N", "Tasks"},
    SbatchOption{"-N,--nodes", "N", "Nodes"},
    SbatchOption{"-w,--nodelist", "HOSTS", "On these nodes"},
    SbatchOption{"-x,--exclude", "HOSTS", "Not on these nodes"},
    SbatchOption{"-C,--constraint", "LIST", "Node features"},
    SbatchOption{"--mem", "SIZE", "Memory per node"},
    SbatchOption{"--mem-per-cpu", "SIZE", "Memory per CPU"},
    SbatchOption{"--mem-per-gpu", "SIZE", "Memory per GPU"},
    SbatchOption{"--tmp", "SIZE", "Space for temporary files on the node"},
    SbatchOption{"--gres", "LIST", "Generic resources"},
    SbatchOption{"-G,--gpus", "N", "GPUs"},
    SbatchOption{"--gpus-per-node", "N", "GPUs per node"},
    SbatchOption{"--gpus-per-task", "N", "GPUs per task"},
    SbatchOption{"--ntasks-per-node", "N", "Tasks per node"},
    SbatchOption{"-L,--licenses", "LIST", "Licenses"},
    SbatchOption{"-M,--clusters", "NAME", "Cluster"},
    SbatchOption{"-d,--dependency", "LIST", "Start after other jobs"},
    SbatchOption{"-b,--begin", "TIME", "Not before"},
    SbatchOption{"--time-min", "TIME", "Shortest limit that will do"},
    SbatchOption{"--reservation", "NAME", "Reservation"},
    SbatchOption{"--nice", "?N", "Lower the priority"},
    SbatchOption{"--priority", "N", "Priority"},
    SbatchOption{"--mail-type", "LIST", "Mail at these events"},
    SbatchOption{"--mail-user", "ADDRESS", "Mail to"},
    SbatchOption{"--comment", "TEXT", "Comment of the Slurm job"},
    SbatchOption{"--wckey", "KEY", "Workload key"},
    SbatchOption{"--exclusive", "?WHO", "Share the nodes with nobody"},
    SbatchOption{"-s,--oversubscribe", nullptr, "Share the nodes"},
    SbatchOption{"--contiguous", nullptr, "Neighbouring nodes"},
    SbatchOption{"-H,--hold", nullptr, "Hold it until released"},
};

// What `ckpt submit` has of its own, and sbatch alone takes as it is.
constexpr std::array kOursToo{
    SbatchOption{"-J,--job-name", "NAME", "Name (the script's)"},
    SbatchOption{"-t,--time", "TIME", "Limit of ONE allocation; a bare number is minutes"},
    SbatchOption{"-o,--output", "FILE", "Standard output (slurm-%j.out)"},
    SbatchOption{"-e,--error", "FILE", "Standard error (with the output)"},
    SbatchOption{"-D,--chdir", "FOLDER", "Where it runs (here)"},
    SbatchOption{"--wrap", "CMD", "A shell command instead of a script"},
    SbatchOption{"--export", "LIST", "ALL, NONE, or variables: NAME or NAME=VALUE"},
    SbatchOption{"--parsable", nullptr, "Print the number alone"},
    SbatchOption{"-W,--wait", nullptr, "Return when the job has ended, with its status"},
    SbatchOption{"--signal", "SIG@TIME", "Signal to the script before the end"},
    SbatchOption{"-a,--array", "INDEXES", "Several jobs of one script"},
};

std::string long_name(const std::string& names) {
  return names.substr(names.find("--"));
}

using Value = scheduler::slurm::KnownOption::Value;

void add_one(Verb& verb,
             std::vector<std::string>& args,
             const std::string& names,
             Value kind,
             const std::string& shown,
             const std::string& help) {
  const std::string name = long_name(names);
  // Flags take an empty value from the parser, an option without its optional value too.
  const auto take = [&args, name](const std::string& value) -> std::optional<std::string> {
    args.push_back(value.empty() ? name : name + "=" + value);
    return std::nullopt;
  };
  if (kind == Value::none) {
    verb.marking(
        names, [take] { (void)take(""); }, help);
  } else {
    verb.taking(names, take, shown, help, kind == Value::optional);
  }
}

template <std::size_t Size>
void add(Verb& verb, std::vector<std::string>& args, const std::array<SbatchOption, Size>& table) {
  for (const SbatchOption& option : table) {
    const bool optional = option.value != nullptr && option.value[0] == '?';
    const Value kind = option.value == nullptr ? Value::none
                       : optional              ? Value::optional
                                               : Value::needed;
    add_one(verb,
            args,
            option.names,
            kind,
            option.value == nullptr ? "" : option.value + (optional ? 1 : 0),
            option.help);
  }
}

template <std::size_t Size>
bool has(const std::array<SbatchOption, Size>& table, const std::string& name) {
  return std::any_of(table.begin(), table.end(), [&](const SbatchOption& option) {
    return long_name(option.names) == name;
  });
}

/// What sbatch takes besides, but for what every command of ours has.
void add_rest(Verb& verb, std::vector<std::string>& args) {
  for (const auto& known : scheduler::slurm::known_options()) {
    const std::string name = "--" + std::string(known.name);
    const bool general = name == "--help" || name == "--usage" || name == "--version";
    if (!general && !has(kOptions, name) && !has(kOursToo, name)) {
      const std::string letter = known.letter == 0 ? "" : std::string("-") + known.letter + ",";
      add_one(verb, args, letter + name, known.value, "VALUE", "As for sbatch");
    }
  }
}

void add_any(Verb& verb, std::vector<std::string>& args) {
  verb.taking(
      "--sbatch-arg",
      [&args](const std::string& value) -> std::optional<std::string> {
        if (value.empty() || value.front() != '-') {
          return "write it as sbatch wants it: --sbatch-arg=--switches=1";
        }
        args.push_back(value);
        return std::nullopt;
      },
      "OPTION",
      "Any other option of sbatch");
}

} // namespace

void add_sbatch_options(Verb& verb, std::vector<std::string>& args, bool in_help) {
  verb.group(in_help ? "Slurm (as for sbatch)" : "");
  add(verb, args, kOptions);
  add_any(verb, args);
}

void add_all_sbatch_options(Verb& verb, std::vector<std::string>& args) {
  verb.group("As for sbatch (its rare options too)");
  add(verb, args, kOursToo);
  add(verb, args, kOptions);
  add_any(verb, args);
  verb.group("");
  add_rest(verb, args);
}

} // namespace ckpt::client
