// Invariants: options of ours stand after the user's; ids come after "--" or are checked by the
// caller; nothing here is read by a shell.
#include "core/scheduler/slurm/commands.hpp"

#include "core/base/strings.hpp"
#include "core/domain/array.hpp"
#include "core/scheduler/slurm/options.hpp"
#include "core/scheduler/slurm/parse.hpp"

#include <algorithm>
#include <array>

namespace ckpt::scheduler::slurm {
namespace {

// Not "now": a start within the second of the requeue meets a credential that the node has just
// revoked, and the job FAILS with exit status 1 ("Job credential revoked"); and a start time that
// has passed when the old run's processes are gone is set back to cred_expire (two minutes) later.
constexpr const char* kSoon = "StartTime=now+2";

constexpr Duration kLongestWarning = seconds{65535}; // sbatch refuses more

template <std::size_t Size>
bool contains(const std::array<std::string_view, Size>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr std::array<std::string_view, 15> kOurs{"comment",
                                                 "exclude",
                                                 "requeue",
                                                 "no-requeue",
                                                 "open-mode",
                                                 "output",
                                                 "error",
                                                 "job-name",
                                                 "chdir",
                                                 "wait",
                                                 "quiet",
                                                 "parsable",
                                                 "wrap",
                                                 "mail-type",
                                                 "mail-user"};

struct Unsupported {
  std::string_view name;
  std::string_view why;
};
constexpr std::array kUnsupported{
    Unsupported{"array", "only `ckpt submit` and `ckpt sbatch` make job arrays"},
    Unsupported{"", "heterogeneous jobs cannot be checkpointed"},
    Unsupported{"clusters", "one daemon serves one cluster; submit on the other one"},
    Unsupported{"export", "the program gets the environment of its submission; use --env K=V"},
    Unsupported{"export-file", "the program gets the environment of its submission; use --env K=V"},
    Unsupported{"test-only", "it submits nothing; use sbatch itself"},
};

Status check_supported(const std::vector<SbatchOption>& options) {
  for (const SbatchOption& option : options) {
    for (const Unsupported& unsupported : kUnsupported) {
      if (option.name == unsupported.name) {
        return fail(ErrorClass::usage,
                    "option_not_supported",
                    "the sbatch option " + option.words.front() + " is not supported",
                    std::string(unsupported.why));
      }
    }
  }
  return {};
}

std::string joined_ids(const std::vector<SchedulerJobId>& ids) {
  std::vector<std::string> words;
  words.reserve(ids.size());
  for (const SchedulerJobId& id : ids) {
    words.push_back(id.value);
  }
  return join(words, ",");
}

std::string format_list(const std::string& separator) {
  std::string format;
  for (const std::string_view field : kQueueFields) {
    format.append(format.empty() ? "" : ",").append(field).append(":").append(separator);
  }
  return format;
}

/// A variable by which a client of Slurm's prints or does something else.
bool changes_clients(std::string_view name) {
  constexpr std::array<std::string_view, 6> kPrefixes{
      "SQUEUE_", "SACCT_", "SCANCEL_", "SCONTROL_", "SBATCH_", "SLURM_"};
  return name != "SLURM_CONF" && name != "SLURM_JWT" &&
         std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
           return name.starts_with(prefix);
         });
}

/// A path of each task's own. Behind a backslash no `%` would be read (see literal_path).
std::string path_by_task(const std::vector<std::string>& pieces) {
  std::vector<std::string> literal;
  for (const std::string& piece : pieces) {
    literal.push_back(literal_path(piece));
  }
  return join(literal, "%a");
}

} // namespace

Result<Words> sbatch_command(const Submission& submission) {
  const auto options = parse_options(submission.args);
  if (!options) {
    return tl::unexpected<Error>(options.error());
  }
  if (auto supported = check_supported(*options); !supported) {
    return tl::unexpected<Error>(supported.error());
  }
  if (submission.tasks &&
      join(submission.tasks->output_pieces, "").find('\\') != std::string::npos) {
    return fail(ErrorClass::usage,
                "store_path_unsuitable",
                "a store whose path has a backslash in it cannot hold job arrays",
                "set store.path to another folder, or submit each index");
  }
  Words words{"sbatch", "--parsable"};
  for (const SbatchOption& option : *options) {
    const bool replaced = (option.name == "signal" && submission.warn_before) ||
                          (option.name == "time" && submission.time_limit);
    if (!replaced && !contains(kOurs, option.name)) {
      words.insert(words.end(), option.words.begin(), option.words.end());
    }
  }
  if (last_value(*options, "mail-type")) {
    words.emplace_back("--mail-type=NONE"); // also where the site has a default
  }
  auto excluded = submission.exclude_nodes;
  if (const auto users = last_value(*options, "exclude")) {
    excluded.insert(excluded.begin(), *users);
  }
  if (!excluded.empty()) {
    words.push_back("--exclude=" + join(excluded, ","));
  }
  if (submission.time_limit) {
    words.push_back("--time=" + slurm_duration(*submission.time_limit));
  }
  if (submission.warn_before) {
    const auto before =
        std::chrono::ceil<seconds>(std::min(*submission.warn_before, kLongestWarning));
    words.push_back("--signal=B:URG@" + std::to_string(before.count()));
  }
  auto comment = last_value(*options, "comment");
  if (const auto wish = submission.env.find("SBATCH_COMMENT");
      !comment && wish != submission.env.end()) {
    comment = wish->second;
  }
  if (submission.tasks) {
    words.push_back("--array=" +
                    format_indexes(submission.tasks->indexes, submission.tasks->at_once));
  }
  const std::string output = submission.tasks ? path_by_task(submission.tasks->output_pieces)
                                              : literal_path(submission.output_path);
  words.insert(words.end(),
               {"--requeue",
                "--open-mode=append",
                "--output=" + output,
                "--error=" + output,
                "--job-name=" + submission.name,
                "--chdir=" + submission.cwd,
                "--comment=" + comment_with_token(comment.value_or(""), submission.token),
                submission.script.string()});
  return words;
}

Environment sbatch_environment(const Environment& submission, const Environment& client) {
  constexpr std::array<std::string_view, 3> kKept{"SLURM_CONF", "SLURM_JWT", "SLURM_SACK_JWKS"};
  constexpr std::array<std::string_view, 3> kHarmful{
      "SBATCH_WAIT", "SBATCH_ARRAY_INX", "SBATCH_CLUSTERS"};
  Environment env;
  for (const auto& [name, value] : submission) {
    const bool of_slurm = name.starts_with("SLURM_") || name.starts_with("SLURMD_") ||
                          name.starts_with("SBATCH_CPU_BIND") ||
                          name.starts_with("SBATCH_MEM_BIND");
    if (contains(kKept, name) || (!of_slurm && !contains(kHarmful, name))) {
      env.emplace(name, value);
    }
  }
  if (const auto conf = client.find("SLURM_CONF"); conf != client.end()) {
    env["SLURM_CONF"] = conf->second;
  }
  for (const auto& [name, value] : client) {
    if (!changes_clients(name)) {
      env.emplace(name, value); // what the submission lacks: PATH
    }
  }
  return env;
}

Environment query_environment(const Environment& client) {
  Environment env;
  for (const auto& [name, value] : client) {
    if (!changes_clients(name)) {
      env.emplace(name, value);
    }
  }
  env["SLURM_TIME_FORMAT"] = "%s";
  env["SLURM_BITSTR_LEN"] = "0"; // the tasks of an array in full
  env["TZ"] = "UTC";             // for a version that prints dates all the same
  return env;
}

Words squeue_command(const std::string& separator, const std::vector<SchedulerJobId>& ids) {
  Words words{"squeue", "-h", "-a", "-r", "-t", "all", "-O", format_list(separator)};
  words.push_back(ids.empty() ? "--me" : "--jobs=" + joined_ids(ids));
  return words;
}

Words sacct_command(const std::string& separator, const std::vector<SchedulerJobId>& ids) {
  std::vector<std::string> fields(kAccountingFields.begin(), kAccountingFields.end());
  return {"sacct",
          "-n",
          "-P",
          "-X",
          "--duplicates",
          "--delimiter=" + separator,
          "--format=" + join(fields, ","),
          "--jobs=" + joined_ids(ids)};
}

Words nodes_command(const std::string& separator, const std::vector<std::string>& nodes) {
  return {"sinfo",
          "-h",
          "-a",
          "-N",
          "--nodes=" + join(nodes, ","),
          "-o",
          "%N" + separator + "%T" + separator + "%E" + separator};
}

Words all_nodes_command(const std::string& separator) {
  const std::string format =
      "%N" + separator + "%T" + separator + "%E" + separator + "%R" + separator;
  return {"sinfo", "-h", "-a", "-N", "-o", format};
}

Words partitions_command() {
  return {"scontrol", "-a", "-o", "show", "partition"};
}

Words excluded_nodes_command(const SchedulerJobId& id) {
  return {"squeue", "-h", "-a", "-t", "all", "-o", "%x", "--jobs=" + id.value};
}

Words cancel_command(const SchedulerJobId& id) {
  return {"scancel", id.value};
}
Words ring_command(const SchedulerJobId& id) {
  return {"scancel", "--batch", "--signal=URG", id.value};
}
Words requeue_command(const SchedulerJobId& id) {
  return {"scontrol", "requeue", id.value};
}
Words start_now_command(const SchedulerJobId& id) {
  return {"scontrol", "update", "jobid=" + id.value, kSoon};
}
// Of what runs it makes the next start wait: the hold outlasts a requeue (seen with Slurm 22.05).
// Not "hold": root's would be an administrator's.
Words hold_command(const SchedulerJobId& id) {
  return {"scontrol", "uhold", id.value};
}
Words release_command(const SchedulerJobId& id) {
  return {"scontrol", "release", id.value};
}
Words exclude_command(const SchedulerJobId& id, const std::string& nodes) {
  return {"scontrol", "update", "jobid=" + id.value, "ExcNodeList=" + nodes};
}
Words dependency_command(const SchedulerJobId& id, const std::string& dependency) {
  return {"scontrol", "update", "jobid=" + id.value, "dependency=" + dependency};
}
Words ping_command() {
  return {"scontrol", "ping"};
}
Words config_command() {
  return {"scontrol", "show", "config"};
}
Words version_command() {
  return {"sbatch", "--version"};
}

std::string slurm_duration(Duration duration) {
  const auto total = std::chrono::ceil<seconds>(duration).count();
  const auto two = [](std::int64_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
  };
  return std::to_string(total / 86400) + "-" + two(total / 3600 % 24) + ":" + two(total / 60 % 60) +
         ":" + two(total % 60);
}

std::string literal_path(const std::string& path) {
  // One backslash anywhere makes Slurm take every % as it is, and eats single backslashes.
  const char escaped = path.find('\\') == std::string::npos ? '%' : '\\';
  std::string literal;
  for (const char c : path) {
    literal.append(c == escaped ? 2 : 1, c);
  }
  return literal;
}

} // namespace ckpt::scheduler::slurm
