#include "client/array.hpp"
#include "client/format.hpp"
#include "client/job_tables.hpp"
#include "client/lineage.hpp"
#include "client/output.hpp"
#include "client/overview_text.hpp"
#include "client/progress.hpp"
#include "client/reasons.hpp"
#include "client/timeline.hpp"
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

bool failed(const api::JobView& job) {
  return job.state == JobState::failed || job.state == JobState::cancelled;
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
    print(job.id.str() + " submitted" + where + "; `ckpt show " + job.id.str() +
          "` tells how it goes\n");
  }

  void submitted(const api::ArrayView& array) override { print(text_of_submitted(array) + "\n"); }
  void jobs(const std::vector<api::JobView>& jobs, const std::string& if_none) override {
    print(jobs.empty() ? wrapped(if_none, width_, 0) + "\n"
                       : jobs_text(jobs, system_clock().now(), width_));
  }

  /// What changes comes first: a screen is cut at its end.
  void details(const JobDetails& details) override {
    const TimePoint now = system_clock().now();
    present(details, now);
    if (const std::string picture = timeline(details, now, width_); !picture.empty()) {
      print("\n" + picture);
    }
    if (!details.attempts.empty()) {
      print("\n" + attempts_text(details.attempts, now, width_));
    }
    if (!details.generations.empty()) {
      print("\n" +
            generations_text(with_abandoned(details.generations, details.attempts), now, width_));
    }
    print("\n");
    standing(details.job, now);
  }

  void removed(const std::vector<api::JobView>& jobs) override {
    for (const api::JobView& job : jobs) {
      print(job.id.str() + (job.name.empty() ? "" : " " + job.name) +
            " removed, with its checkpoints\n");
    }
  }

  void acted(const std::vector<api::JobView>& jobs, const std::string& done) override {
    for (const api::JobView& job : jobs) {
      const std::string outcome = outcome_of(job.state, job.exit_code, job.signal);
      const std::string reason = plain_reason(job.reason);
      std::string text = job.id.str() + " " + done + ": " + outcome;
      if (job.latest_generation && job.state == JobState::parked) {
        text += " at " + job.latest_generation->id.str() + "; go on with `ckpt restart " +
                job.id.str() + "`";
      } else if (reason.starts_with(outcome + " ")) {
        text = job.id.str() + " " + done + ": " + reason;
      } else if (!reason.empty() && text.find(reason) == std::string::npos) {
        text += " (" + reason + ")";
      }
      print(wrapped(text, width_, 0) + "\n");
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

  void generation_acted(const api::GenerationView& generation, const std::string& done) override {
    print(generation.job.str() + " " + generation.id.str() + " " + done + "\n");
  }
  void verified(const std::vector<api::GenerationView>& generations) override {
    print(verified_text(generations));
  }
  void policy_changed(const api::JobView& job) override {
    print(wrapped(job.id.str() + ": " + policy_text(job.policy), width_, 2) + "\n");
  }
  void pruned(const std::vector<api::PrunedView>& pruned,
              const std::vector<Holding>& holding,
              bool dry_run) override {
    for (const std::string& one : split_lines(pruned_text(pruned, holding, dry_run))) {
      print(wrapped(one, width_, 4) + "\n");
    }
  }
  void nodes(const std::vector<api::NodeView>& nodes) override {
    print(nodes.empty() ? "None of your jobs has used a node yet.\n"
                        : nodes_text(nodes, system_clock().now(), width_));
  }
  void stats(const api::StatsView& stats) override {
    for (const auto& [label, text] : stats_lines(stats)) {
      line(label, text);
    }
  }
  void why(const JobDetails& details) override {
    print(wrapped(client::why(details, system_clock().now()), width_, 0) + "\n");
    for (const std::string& one : details.last_lines) {
      print("  " + one + "\n");
    }
  }

  void results(const std::vector<JobResult>& results) override {
    for (const JobResult& result : results) {
      const api::JobView& job = result.job;
      print(wrapped(job.id.str() + " " + painted(outcome_with_reason(job), colour_of(job)) +
                        (failed(job) ? "; `ckpt why " + job.id.str() + "` tells more" : ""),
                    width_,
                    0) +
            "\n");
    }
  }

  void generations(const std::vector<api::GenerationView>& generations,
                   const std::vector<api::AttemptView>& attempts) override {
    print(generations.empty() ? "No checkpoint. `ckpt checkpoint` takes one of a job that runs.\n"
                              : generations_text(with_abandoned(generations, attempts),
                                                 system_clock().now(),
                                                 width_));
  }

  void processes(const std::vector<api::ProcessView>& processes) override {
    if (processes.empty()) {
      print("No process of it runs.\n");
      return;
    }
    print(processes_table(processes).str(width_));
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
      print(wrapped(head + (event.message.empty() ? event.type : event.message), width_, kIndent) +
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
    print(findings_verdict(findings));
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
  /// How it is now.
  void present(const JobDetails& details, TimePoint now) {
    const api::JobView& job = details.job;
    line("job", job.id.str() + (job.name.empty() ? "" : " " + job.name));
    line("state", painted(outcome_with_reason(job), colour_of(job)));
    line("program", shell_join(job.argv));
    if (!job.stdout_path.empty()) {
      line("output",
           job.stdout_path + (job.stderr_path.empty() || job.stderr_path == job.stdout_path
                                  ? ""
                                  : ", errors " + job.stderr_path));
    }
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
                    ? " (" + trigger_text(*job.next_checkpoint_trigger) + ")"
                    : ""));
    }
    for (const api::GenerationView& one : details.generations) {
      if (one.progress) {
        line("writing",
             one.id.str() + ": " +
                 progress_text(*one.progress, now - one.requested_at.value_or(now)));
      }
    }
    const api::AccountingView& time = job.accounting;
    line("time",
         "ran " + short_duration(time.run) + ", lost " + short_duration(time.lost) +
             ", stood still for checkpoints " + short_duration(time.checkpoint) + ", queued " +
             short_duration(time.queue));
    for (const api::WarningView& warning : job.warnings) {
      line("warning", painted(warning.message, kYellow));
      if (!warning.advice.empty()) {
        line("", warning.advice);
      }
    }
  }
  /// What it was told at its beginning.
  void standing(const api::JobView& job, TimePoint now) {
    line("engine",
         job.engine ? std::string(word(*job.engine))
                    : std::string(word(job.engine_wish)) + " (not chosen yet)");
    line("policy", policy_text(job.policy));
    for (const auto& [key, value] : job.tags) {
      line("tag", key + "=" + value);
    }
    line("in", job.cwd);
    if (!job.script_path.empty()) {
      line("script", job.script_path + " (the kept copy)");
    }
    line("scheduler", std::string(word(job.scheduler)));
    line("created", local_time(job.created_at) + " (" + ago(job.created_at, now) + ")");
  }
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
