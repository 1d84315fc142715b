#include "client/array.hpp"
#include "client/details_text.hpp"
#include "client/format.hpp"
#include "client/job_tables.hpp"
#include "client/lineage.hpp"
#include "client/output.hpp"
#include "client/overview_text.hpp"
#include "client/reasons.hpp"
#include "core/base/clock.hpp"
#include "core/base/strings.hpp"
#include "core/domain/machines.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

using Column = Table::Column;

/// Behind the outcome of a job that was waited for: what to type now, unless its reason says so.
std::string next_step(const api::JobView& job) {
  const bool parked = job.state == JobState::parked;
  if (parked && job.reason == "stopped by the user") {
    return "; go on with `ckpt restart " + job.id.str() + "`";
  }
  const bool said = job.reason.find("`ckpt restart ") != std::string::npos;
  const bool failed = job.state == JobState::failed || job.state == JobState::cancelled;
  return failed || (parked && !said) ? "; `ckpt why " + job.id.str() + "` tells more" : "";
}

class HumanOutput : public Output {
public:
  HumanOutput(std::FILE* out, std::size_t width, bool colour, std::size_t rows)
      : out_(out), width_(width), colour_(colour), rows_(rows) {}

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

  void details(const JobDetails& details) override {
    print(details_text(details, system_clock().now(), {width_, colour_, rows_}));
  }

  void removed(const std::vector<api::JobView>& jobs) override {
    for (const api::JobView& job : jobs) {
      print(job.id.str() + (job.name.empty() ? "" : " " + job.name) +
            " removed, with its checkpoints\n");
    }
  }

  void acted(const std::vector<api::JobView>& jobs,
             const std::string& done,
             std::optional<JobState> aim) override {
    for (const api::JobView& job : jobs) {
      const std::string outcome = outcome_of(job.state, job.exit_code, job.signal);
      const std::string& reason = job.reason;
      std::string text = job.id.str() + " " + done + ": " + outcome;
      if (job.latest_generation && job.state == JobState::parked) {
        text += " at " + job.latest_generation->id.str() + "; go on with `ckpt restart " +
                job.id.str() + "`";
      } else if (reason.starts_with(outcome + " ")) {
        text = job.id.str() + " " + done + ": " + reason;
      } else if (!reason.empty() && text.find(reason) == std::string::npos) {
        text += " (" + reason + ")";
      }
      if (aim && is_final(job.state) && job.state != *aim) {
        text = job.id.str() + " had ended before: " + outcome_with_reason(job);
      }
      paragraph(text, 0);
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
    paragraph(job.id.str() + ": " + policy_text(job.policy), 2);
  }
  void pruned(const std::vector<api::PrunedView>& pruned,
              const std::vector<Holding>& holding,
              bool dry_run) override {
    for (const std::string& one : split_lines(pruned_text(pruned, holding, dry_run))) {
      paragraph(one, 4);
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
    paragraph(client::why(details, system_clock().now()), 0);
    for (const std::string& one : details.last_lines) {
      print("  " + one + "\n");
    }
  }

  void results(const std::vector<JobResult>& results) override {
    for (const JobResult& result : results) {
      const api::JobView& job = result.job;
      print(wrapped(job.id.str() + " " + painted(outcome_with_reason(job), colour_of(job)) +
                        next_step(job),
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
               (engine.usable ? engine.version
                              : painted("not usable from the daemon's environment", kYellow)) +
               (engine.detail.empty() ? "" : ": " + engine.detail));
    }
    if (std::any_of(status.engines.begin(), status.engines.end(), [](const api::EngineView& one) {
          return !one.usable;
        })) {
      line("", "jobs find the engine of the shell that submits them; `ckpt doctor` looks there");
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
  std::string painted(const std::string& text, const char* code) const {
    return client::painted(text, code, colour_);
  }
  void line(const std::string& label, const std::string& text) {
    print(labelled(label, in_cluster(text, cluster()), width_));
  }
  void paragraph(const std::string& text, std::size_t indent) {
    print(wrapped(in_cluster(text, cluster()), width_, indent) + "\n");
  }
  void print(const std::string& text) {
    const std::string safe = printable(in_cluster(text, cluster()), colour_);
    (void)std::fwrite(safe.data(), 1, safe.size(), out_);
    (void)std::fflush(out_);
  }

  std::FILE* out_;
  std::size_t width_;
  bool colour_;
  std::size_t rows_;
};

} // namespace

std::unique_ptr<Output>
make_human_output(std::FILE* out, std::size_t width, bool colour, std::size_t rows) {
  return std::make_unique<HumanOutput>(out, width, colour, rows);
}

} // namespace ckpt::client
