#include "client/format.hpp"
#include "client/job_tables.hpp"
#include "client/output.hpp"
#include "core/base/clock.hpp"
#include "core/base/strings.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

using Column = Table::Column;

constexpr const char* kGreen = "32";
constexpr const char* kYellow = "33";
constexpr const char* kRed = "31";
constexpr std::size_t kLabel = 14;

/// People know an unnamed job by its program.
std::string name_of(const api::JobView& job) {
  const std::string program = job.argv.empty() ? "" : job.argv.front();
  return or_dash(job.name.empty() ? program.substr(program.rfind('/') + 1) : job.name);
}

std::string node_of(const api::JobView& job) {
  return job.current_attempt ? or_dash(job.current_attempt->node) : "-";
}

bool failed(const api::JobView& job) {
  return job.state == JobState::failed || job.state == JobState::cancelled;
}

std::string policy_text(const Policy& policy) {
  std::string text = "every " + interval_text(policy.every) + ", lead " +
                     (policy.lead ? format_duration(*policy.lead) : "auto") + ", keep " +
                     std::to_string(policy.keep) + ", at walltime " +
                     std::string(word(policy.at_walltime)) + ", at most " +
                     std::to_string(policy.max_restarts) + " restarts";
  if (policy.every.kind == Interval::Kind::off) {
    text += "; without interval checkpoints a fault costs all work since the last one";
  }
  if (policy.keep == 1) {
    text += "; with one generation kept there is nothing to fall back to if it is damaged";
  }
  return text;
}

class HumanOutput : public Output {
public:
  HumanOutput(std::FILE* out, std::size_t width, bool colour)
      : out_(out), width_(width), colour_(colour) {}

  void submitted(const api::JobView& job) override {
    std::string where;
    if (job.current_attempt && !job.current_attempt->scheduler_job_id.empty()) {
      where = job.scheduler == SchedulerKind::slurm
                  ? " (Slurm job " + job.current_attempt->scheduler_job_id.value + ")"
                  : " (on this machine)";
    } else {
      where = job.scheduler == SchedulerKind::slurm ? " (Slurm gives it a number in a moment)"
                                                    : " (on this machine)";
    }
    print(job.id.str() + " submitted" + where +
          (cluster().empty() ? "" : "; `ckpt show " + job.id.str() + "` shows it") + "\n");
  }

  void jobs(const std::vector<api::JobView>& jobs, bool all) override {
    if (jobs.empty()) {
      print(all ? "No jobs.\n" : "No unfinished jobs. `ckpt ls --all` shows the others.\n");
      return;
    }
    const TimePoint now = system_clock().now();
    Table table({{"JOB", Column::left},
                 {"NAME", Column::flexible},
                 {"STATE", Column::left},
                 {"NODE", Column::flexible},
                 {"RUN", Column::right},
                 {"RESTARTS", Column::right},
                 {"LAST CHECKPOINT", Column::left},
                 {"REASON", Column::flexible}});
    for (const api::JobView& job : jobs) {
      const auto& latest = job.latest_generation;
      table.row({job.id.str(),
                 name_of(job),
                 std::string(word(job.state)),
                 node_of(job),
                 short_duration(job.accounting.run),
                 std::to_string(job.restarts_count),
                 latest && latest->frozen_at ? latest->id.str() + " " + ago(*latest->frozen_at, now)
                                             : "-",
                 job.reason});
    }
    print(table.str(width_));
  }

  void details(const JobDetails& details) override {
    const api::JobView& job = details.job;
    const TimePoint now = system_clock().now();
    line("job", job.id.str() + (job.name.empty() ? "" : " " + job.name));
    line("state",
         painted(outcome_of(job.state, job.exit_code, job.signal), colour_of(job)) +
             (job.reason.empty() ? "" : ": " + job.reason));
    line("program", shell_join(job.argv));
    line("in", job.cwd);
    if (!job.stdout_path.empty()) {
      line("output",
           job.stdout_path + (job.stderr_path.empty() || job.stderr_path == job.stdout_path
                                  ? ""
                                  : ", errors " + job.stderr_path));
    }
    line("scheduler", std::string(word(job.scheduler)));
    line("engine",
         job.engine ? std::string(word(*job.engine))
                    : std::string(word(job.engine_wish)) + " (not chosen yet)");
    line("created", local_time(job.created_at) + " (" + ago(job.created_at, now) + ")");
    if (job.ended_at) {
      line("ended", local_time(*job.ended_at) + " (" + ago(*job.ended_at, now) + ")");
    }
    if (job.current_attempt && job.current_attempt->walltime_ends_at && !job.ended_at) {
      line("walltime", "ends " + ago(*job.current_attempt->walltime_ends_at, now));
    }
    if (job.next_checkpoint_at) {
      line("checkpoint",
           ago(*job.next_checkpoint_at, now) +
               (job.next_checkpoint_trigger
                    ? " (" + std::string(word(*job.next_checkpoint_trigger)) + ")"
                    : ""));
    }
    const api::AccountingView& time = job.accounting;
    line("time",
         "ran " + short_duration(time.run) + ", lost " + short_duration(time.lost) +
             ", stood still for checkpoints " + short_duration(time.checkpoint) + ", queued " +
             short_duration(time.queue));
    line("policy", policy_text(job.policy));
    for (const auto& [key, value] : job.tags) {
      line("tag", key + "=" + value);
    }
    for (const api::WarningView& warning : job.warnings) {
      line("warning", painted(warning.message, kYellow));
    }
    if (!details.attempts.empty()) {
      print("\n" + attempts_table(details.attempts, now).str(width_));
    }
    if (!details.generations.empty()) {
      print("\n" + generations_table(details.generations, now).str(width_));
    }
  }

  void acted(const std::vector<api::JobView>& jobs, const std::string& done) override {
    for (const api::JobView& job : jobs) {
      std::string text =
          job.id.str() + " " + done + ": " + outcome_of(job.state, job.exit_code, job.signal);
      if (job.latest_generation && job.state == JobState::parked) {
        text += " at " + job.latest_generation->id.str() + "; go on with `ckpt restart " +
                job.id.str() + "`";
      } else if (!job.reason.empty()) {
        text += " (" + job.reason + ")";
      }
      print(text + "\n");
    }
  }

  void checkpoints(const std::vector<api::GenerationView>& generations) override {
    for (const api::GenerationView& one : generations) {
      std::string text = one.job.str() + " " + one.id.str() + " " + std::string(word(one.state));
      if (one.state == GenerationState::sealed) {
        text += ": " + optional_bytes(one.bytes) +
                (one.blocked ? ", program stood still for " + short_duration(*one.blocked) : "");
      }
      print(text + "\n");
    }
  }

  void results(const std::vector<JobResult>& results) override {
    for (const JobResult& result : results) {
      const api::JobView& job = result.job;
      print(job.id.str() + " " +
            painted(outcome_of(job.state, job.exit_code, job.signal), colour_of(job)) +
            (job.reason.empty() ? "" : ": " + job.reason) + "\n");
    }
  }

  void generations(const std::vector<api::GenerationView>& generations) override {
    print(generations.empty() ? "No checkpoint yet. `ckpt checkpoint JOB` takes one now.\n"
                              : generations_table(generations, system_clock().now()).str(width_));
  }

  void processes(const std::vector<api::ProcessView>& processes) override {
    if (processes.empty()) {
      print("No process of it runs.\n");
      return;
    }
    Table table({{"PID", Column::right},
                 {"PPID", Column::right},
                 {"NODE", Column::flexible},
                 {"ROLE", Column::left},
                 {"STATE", Column::left},
                 {"MEMORY", Column::right},
                 {"CPU", Column::right},
                 {"NAME", Column::flexible}});
    for (const api::ProcessView& one : processes) {
      table.row({std::to_string(one.pid),
                 std::to_string(one.ppid),
                 or_dash(one.node),
                 one.role,
                 one.state,
                 optional_bytes(one.resident_bytes),
                 one.cpu ? short_duration(*one.cpu) : "-",
                 one.name});
    }
    print(table.str(width_));
  }

  void coordinators(const std::vector<api::CoordinatorView>& coordinators) override {
    if (coordinators.empty()) {
      print("No coordinator runs.\n");
      return;
    }
    Table table({{"JOB", Column::left},
                 {"ATTEMPT", Column::right},
                 {"HOST", Column::flexible},
                 {"PORT", Column::right},
                 {"PID", Column::right},
                 {"STATE", Column::left},
                 {"VERSION", Column::left}});
    for (const api::CoordinatorView& one : coordinators) {
      table.row({one.job.str(),
                 one.attempt.str(),
                 or_dash(one.host),
                 std::to_string(one.port),
                 std::to_string(one.pid),
                 one.state,
                 std::string(word(one.engine)) + " " + one.version});
    }
    print(table.str(width_));
  }

  void events(const api::EventPage& page) override {
    for (const api::EventView& event : page.items) {
      constexpr std::size_t kIndent = 21;
      const std::string head =
          local_time(event.at) + "  " + (event.job ? event.job->str() + " " : "");
      print(wrapped(head + event.type + (event.message.empty() ? "" : ": " + event.message),
                    width_,
                    kIndent) +
            "\n");
    }
  }

  void status(const api::StatusView& status) override {
    const TimePoint now = system_clock().now();
    line("daemon",
         painted(status.health, status.degraded.empty() ? kGreen : kYellow) + ", ckptd " +
             status.daemon.version + ", pid " + std::to_string(status.daemon.pid) + " on " +
             status.daemon.host + ", started " + ago(status.daemon.started_at, now));
    line("cluster", status.daemon.cluster);
    line("state", status.daemon.state_dir);
    line("scheduler",
         scheduler_text(status.scheduler) +
             (status.scheduler.up ? "" : painted(" not answering", kRed)) +
             (status.scheduler.detail.empty() ? "" : ": " + status.scheduler.detail));
    for (const api::EngineView& engine : status.engines) {
      line("engine",
           std::string(word(engine.engine)) + " " +
               (engine.usable ? engine.version : painted("not usable", kYellow)) +
               (engine.detail.empty() ? "" : ": " + engine.detail));
    }
    line("store",
         status.store.path + " (" + status.store.filesystem + "), " +
             human_bytes(status.store.available_bytes) + " of " +
             human_bytes(status.store.total_bytes) + " free");
    std::string jobs;
    for (const auto& [state, count] : status.jobs) {
      if (count > 0) {
        jobs += (jobs.empty() ? "" : ", ") + std::to_string(count) + " " + state;
      }
    }
    line("jobs", jobs.empty() ? "none" : jobs);
    for (const api::DegradedView& reason : status.degraded) {
      line("degraded", painted(reason.message, kYellow) + ". " + reason.advice);
    }
  }

  void findings(const std::vector<Finding>& findings) override {
    for (const Finding& finding : findings) {
      const bool problem = finding.level == Finding::Level::problem;
      const bool ok = finding.level == Finding::Level::ok;
      line(ok ? "ok" : problem ? "PROBLEM" : "note", finding.message);
      if (!finding.advice.empty()) {
        line("", "-> " + finding.advice);
      }
    }
  }

  void settings(const std::vector<SettingLine>& settings) override {
    Table table({{"KEY", Column::left}, {"FROM", Column::left}, {"VALUE", Column::left}});
    for (const SettingLine& one : settings) {
      table.row({one.key,
                 one.origin,
                 !one.value.empty()   ? one.value
                 : !one.unset.empty() ? "(" + one.unset + ")"
                                      : "-"});
    }
    print(table.str(width_));
  }

  void pairs(const std::vector<std::pair<std::string, std::string>>& pairs) override {
    for (const auto& [name, value] : pairs) {
      line(name, or_dash(value));
    }
  }

  void error(const Error& /*error*/) override {}

private:
  const char* colour_of(const api::JobView& job) const {
    return failed(job) ? kRed : job.state == JobState::parked ? kYellow : kGreen;
  }
  std::string painted(const std::string& text, const char* code) const {
    return colour_ ? std::string("\033[") + code + "m" + printable(text) + "\033[0m" : text;
  }
  void line(const std::string& label, const std::string& text) {
    std::string head = label;
    head.resize(std::max(kLabel, label.size() + 1), ' ');
    print(head + wrapped_behind(text) + "\n");
  }
  std::string wrapped_behind(const std::string& text) const {
    const std::size_t room = width_ > 2 * kLabel ? width_ - kLabel : width_;
    std::string out;
    for (const char c : wrapped(text, room, 0)) {
      out += c;
      if (c == '\n') {
        out.append(kLabel, ' ');
      }
    }
    return out;
  }
  void print(const std::string& text) {
    const std::string safe = printable(in_cluster(text, cluster()), colour_);
    (void)std::fwrite(safe.data(), 1, safe.size(), out_);
    (void)std::fflush(out_);
  }

  std::FILE* out_;
  std::size_t width_;
  bool colour_;
};

} // namespace

std::unique_ptr<Output> make_human_output(std::FILE* out, std::size_t width, bool colour) {
  return std::make_unique<HumanOutput>(out, width, colour);
}

} // namespace ckpt::client
