// Invariants: one squeue for all jobs; what a client could not tell is `unknown`, never success or
// failure; nothing is asked twice that cannot change.
#include "core/scheduler/slurm/slurm_scheduler.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/scheduler/slurm/commands.hpp"
#include "core/scheduler/slurm/errors.hpp"
#include "core/scheduler/slurm/looked_up.hpp"
#include "core/scheduler/slurm/parse.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace ckpt::scheduler::slurm {
namespace {
constexpr Duration kDefaultKillWait = seconds{30};

std::string new_separator() {
  return "|" + random_hex(6) + "|";
}

std::string executable_of(const std::string& name, const Environment& env) {
  if (const auto path = env.find("PATH"); path != env.end()) {
    for (const std::string& folder : split(path->second, ':')) {
      const std::string candidate = folder + "/" + name;
      if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) {
        return candidate;
      }
    }
  }
  return name;
}

Error down(const CommandResult& result, const std::string& tool) {
  return {ErrorClass::unusable,
          Outcome::retryable,
          "scheduler_down",
          tool + " got no answer from Slurm: " + words_of(result),
          "nothing is lost: running jobs go on, and it is asked again"};
}

/// Slurm takes names of clusters as lower case.
std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

Status check_id(const SchedulerJobId& id) {
  if (id.empty() || id.value.find_first_not_of("0123456789_+[]-,%") != std::string::npos ||
      id.value.front() == '-') {
    return fail(
        ErrorClass::not_found, "no_such_allocation", "'" + id.value + "' is no job id of Slurm");
  }
  return {};
}

} // namespace

SlurmScheduler::SlurmScheduler(SchedulerConfig config)
    : config_(std::move(config)), query_env_(query_environment(config_.env)) {}

Result<CommandResult>
SlurmScheduler::run(const Words& words, const Environment& env, Duration timeout) const {
  Command command;
  command.argv = words;
  command.argv.front() = executable_of(words.front(), config_.env);
  command.env = env;
  RunLimits limits;
  limits.timeout = timeout;
  return run_command(command, limits);
}

Result<SchedulerJobId> SlurmScheduler::submit(const Submission& submission) {
  const auto words = sbatch_command(submission);
  if (!words) {
    return tl::unexpected<Error>(words.error());
  }
  kill_point("slurm.sbatch");
  const auto result =
      run(*words, sbatch_environment(submission.env, config_.env), config_.submit_timeout);
  kill_point("slurm.sbatch_done");
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  // An id that was printed counts whatever came after it.
  if (const auto id = parse_submitted_id(result->out)) {
    return SchedulerJobId{*id};
  }
  if (!result->status.success()) {
    return tl::unexpected<Error>(submit_error(*result, submission.args));
  }
  return fail(ErrorClass::unusable,
              "submit_unknown",
              "sbatch ended well but gave no job id: " + words_of(*result),
              "it is looked for before it is submitted again",
              Outcome::unknown);
}

Result<std::vector<Allocation>> SlurmScheduler::queue(const std::vector<SchedulerJobId>& ids) {
  const std::string separator = new_separator();
  const auto result = run(squeue_command(separator, ids), query_env_, config_.query_timeout);
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  if (!result->status.success() || result->timed_out) {
    const Trouble trouble = classify(*result);
    if (trouble == Trouble::no_such_job && !ids.empty()) {
      return std::vector<Allocation>{}; // squeue says so of a single unknown id
    }
    if (trouble == Trouble::controller_down || trouble == Trouble::maybe_done) {
      return tl::unexpected<Error>(down(*result, "squeue"));
    }
    Error error = command_error("list the jobs", *result);
    error.outcome = Outcome::retryable;
    return tl::unexpected<Error>(std::move(error));
  }
  if (result->truncated) {
    return fail(ErrorClass::unusable,
                "scheduler_unreadable",
                "squeue printed more than can be read",
                "",
                Outcome::retryable);
  }
  return parse_queue(result->out, separator);
}

Result<std::vector<Allocation>> SlurmScheduler::snapshot() {
  return queue({});
}

Result<std::vector<Allocation>> SlurmScheduler::accounting(const std::vector<SchedulerJobId>& ids) {
  const std::string separator = new_separator();
  const auto result = run(sacct_command(separator, ids), query_env_, config_.query_timeout);
  if (!result && result.error().code == "command_not_found") {
    no_accounting_ = true;
    return std::vector<Allocation>{};
  }
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  if (result->status.success() && !result->timed_out) {
    return parse_accounting(result->out, separator);
  }
  if (classify(*result) == Trouble::no_accounting) {
    no_accounting_ = true;
    return std::vector<Allocation>{};
  }
  return fail(ErrorClass::unusable,
              "accounting_down",
              "Slurm's accounting cannot be asked: " + words_of(*result),
              "it is asked again",
              Outcome::retryable);
}

Result<std::vector<Allocation>> SlurmScheduler::look_up(const std::vector<SchedulerJobId>& ids) {
  std::vector<SchedulerJobId> wanted;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(wanted), [](const SchedulerJobId& id) {
    return check_id(id).has_value();
  });
  if (wanted.empty()) {
    return std::vector<Allocation>{};
  }
  auto found = queue(with_arrays(wanted)).map([&](const std::vector<Allocation>& shown) {
    return wanted_among(shown, wanted);
  });
  if (!found || no_accounting_) {
    return found;
  }
  std::set<SchedulerJobId> known;
  for (const Allocation& allocation : *found) {
    if (allocation.state != AllocationState::cancelled) { // by whom only accounting tells
      known.insert(allocation.id);
    }
  }
  std::erase_if(wanted, [&](const SchedulerJobId& id) { return known.count(id) > 0; });
  if (wanted.empty()) {
    return found;
  }
  const auto remembered = accounting(wanted);
  const bool needed =
      found->empty() ||
      std::any_of(found->begin(), found->end(), [](const auto& one) { return one.left_array; });
  if (!remembered && needed) {
    return remembered;
  }
  add_remembered(*found, remembered.value_or(std::vector<Allocation>{}));
  return found;
}

Result<std::string> SlurmScheduler::question(const std::string& doing, const Words& words) {
  auto result = run(words, query_env_, config_.query_timeout);
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  if (!result->status.success() || result->timed_out) {
    Error error = command_error(doing, *result);
    error.outcome = Outcome::retryable;
    return tl::unexpected<Error>(std::move(error));
  }
  return std::move(result->out);
}

Result<std::map<std::string, std::string>>
SlurmScheduler::leaving_nodes(const std::vector<std::string>& nodes) {
  if (nodes.empty()) {
    return std::map<std::string, std::string>{};
  }
  const std::string separator = new_separator();
  return question("look at the nodes", nodes_command(separator, nodes))
      .map([&](const std::string& output) { return parse_leaving_nodes(output, separator); });
}

Result<std::vector<NodeFacts>> SlurmScheduler::nodes() {
  const std::string separator = new_separator();
  return question("look at the nodes", all_nodes_command(separator))
      .map([&](const std::string& output) { return parse_nodes(output, separator); });
}

Result<std::map<std::string, Duration>> SlurmScheduler::grace_times() {
  return question("look at the partitions", partitions_command()).map(parse_grace_times);
}

Status SlurmScheduler::act(const std::string& doing,
                           const Words& words,
                           std::initializer_list<Trouble> harmless) const {
  kill_point("slurm.act");
  const auto result = run(words, query_env_, config_.query_timeout);
  kill_point("slurm.act_done");
  if (!result) {
    return tl::unexpected<Error>(result.error());
  }
  if (result->status.success() && !result->timed_out) {
    return {};
  }
  const Trouble trouble = classify(*result);
  if (std::find(harmless.begin(), harmless.end(), trouble) != harmless.end()) {
    return {};
  }
  return tl::unexpected<Error>(command_error(doing, *result));
}

Status SlurmScheduler::cancel(const SchedulerJobId& id) {
  return check_id(id).and_then([&] {
    return act("cancel job " + id.value,
               cancel_command(id),
               {Trouble::no_such_job, Trouble::already_over});
  });
}

Status SlurmScheduler::requeue(const SchedulerJobId& id) {
  return check_id(id).and_then([&] {
    return act("requeue job " + id.value, requeue_command(id), {Trouble::still_pending});
  });
}

Status SlurmScheduler::start_now(const SchedulerJobId& id) {
  return check_id(id).and_then([&] {
    return act("start job " + id.value + " now", start_now_command(id), {Trouble::not_pending});
  });
}

Status SlurmScheduler::hold(const SchedulerJobId& id) {
  return check_id(id).and_then([&] { return act("hold job " + id.value, hold_command(id), {}); });
}

Status SlurmScheduler::release(const SchedulerJobId& id) {
  return check_id(id).and_then(
      [&] { return act("release job " + id.value, release_command(id), {}); });
}

Status SlurmScheduler::ring(const SchedulerJobId& id) {
  return check_id(id).and_then(
      [&] { return act("signal job " + id.value, ring_command(id), {Trouble::still_pending}); });
}

Status SlurmScheduler::exclude_node(const SchedulerJobId& id, const std::string& node) {
  if (auto valid = check_id(id); !valid) {
    return valid;
  }
  // An update replaces the list: what is there has to be kept.
  const auto present = run(excluded_nodes_command(id), query_env_, config_.query_timeout);
  if (!present) {
    return tl::unexpected<Error>(present.error());
  }
  if (!present->status.success()) {
    Error error = command_error("list the excluded nodes of job " + id.value, *present);
    if (error.outcome == Outcome::unknown) {
      error.outcome = Outcome::retryable; // it was only a question
    }
    return tl::unexpected<Error>(std::move(error));
  }
  const std::string nodes{trim(present->out)};
  return act("exclude node " + node + " from job " + id.value,
             exclude_command(id, nodes.empty() ? node : nodes + "," + node),
             {});
}

Status SlurmScheduler::set_dependency(const SchedulerJobId& id, const std::string& dependency) {
  return check_id(id).and_then([&] {
    return act("change what job " + id.value + " waits for",
               dependency_command(id, dependency),
               {Trouble::not_pending});
  });
}

Ping SlurmScheduler::ping() {
  const auto result = run(ping_command(), query_env_, config_.query_timeout);
  if (!result) {
    return {false, result.error().message};
  }
  Ping ping;
  for (const std::string& line : split_lines(result->out)) {
    ping.up = ping.up || (line.ends_with(" UP") && line.starts_with("Slurmctld"));
  }
  const std::vector<std::string> lines = split_lines(result->out);
  ping.detail = lines.empty() || result->timed_out ? words_of(*result) : lines.front();
  return ping;
}

const std::map<std::string, std::string>& SlurmScheduler::site_config() {
  if (site_config_.empty()) {
    const auto result = run(config_command(), query_env_, config_.query_timeout);
    if (result && result->status.success()) {
      site_config_ = parse_config(result->out);
    }
  }
  return site_config_;
}

Duration SlurmScheduler::kill_wait() {
  const auto& config = site_config();
  const auto found = config.find("KillWait"); // "30 sec"
  int wait = 0;
  if (found == config.end() ||
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), wait).ec !=
          std::errc{}) {
    return kDefaultKillWait;
  }
  return seconds{wait};
}

Result<MailSite> SlurmScheduler::mail_site() {
  const auto& config = site_config();
  if (config.empty()) {
    return fail(ErrorClass::unusable,
                "scheduler_down",
                "Slurm does not tell its configuration",
                "it is asked again",
                Outcome::retryable);
  }
  const auto value = [&](const char* name) {
    const auto found = config.find(name);
    return found == config.end() || found->second == "(null)" ? std::string() : found->second;
  };
  return MailSite{value("MailProg"), value("MailDomain")};
}

std::string SlurmScheduler::version() {
  if (version_.empty()) {
    // "slurm-wlm 22.05.8", "slurm 23.11.4": needs no controller.
    const auto result = run(version_command(), query_env_, config_.query_timeout);
    if (!result || !result->status.success()) {
      return "slurm";
    }
    const std::string_view text = trim(result->out);
    version_ = "slurm " + std::string(text.substr(text.rfind(' ') + 1));
  }
  return version_;
}

std::string SlurmScheduler::cluster() {
  const auto& config = site_config();
  if (const auto name = config.find("ClusterName"); name != config.end()) {
    return lower(name->second);
  }
  // The controller is down: the daemon still has to find its own state folder.
  const auto conf = query_env_.find("SLURM_CONF");
  const auto text =
      read_file(conf == query_env_.end() || conf->second.empty() ? Path("/etc/slurm/slurm.conf")
                                                                 : Path(conf->second));
  for (const auto& [key, value] : text ? parse_config(*text) : Environment{}) {
    if (lower(key) == "clustername") {
      return lower(value);
    }
  }
  return "slurm";
}

} // namespace ckpt::scheduler::slurm
