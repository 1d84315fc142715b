#include "client/sbatch_options.hpp"

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

std::string long_name(const std::string& names) {
  return names.substr(names.find("--"));
}

} // namespace

void add_sbatch_options(Verb& verb, std::vector<std::string>& args) {
  verb.group("Slurm (as for sbatch)");
  for (const SbatchOption& option : kOptions) {
    const std::string name = long_name(option.names);
    // Flags take an empty value from the parser, an option without its optional value too.
    const bool flag = option.value == nullptr;
    const std::string shown = flag ? "" : option.value[0] == '?' ? option.value + 1 : option.value;
    const auto take = [&args, name](const std::string& value) -> std::optional<std::string> {
      args.push_back(value.empty() ? name : name + "=" + value);
      return std::nullopt;
    };
    if (flag) {
      verb.marking(
          option.names, [take] { (void)take(""); }, option.help);
    } else {
      verb.taking(option.names, take, shown, option.help, option.value[0] == '?');
    }
  }
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

} // namespace ckpt::client
