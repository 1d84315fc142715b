#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
#include "client/engines_here.hpp"
#include "client/format.hpp"
#include "client/machine_findings.hpp"
#include "client/session.hpp"
#include "core/base/strings.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

using Level = Finding::Level;
using Findings = std::vector<Finding>;

void look_at_programs(const Session& session, Findings& findings) {
  for (const char* program : {"ckptd", "ckpt-runner"}) {
    const Path path = find_program(program, session.env());
    if (path.empty()) {
      findings.push_back({Level::problem,
                          "program_missing",
                          std::string(program) + " is neither beside ckpt nor on PATH",
                          "Install the three programs into one folder."});
    } else {
      findings.push_back({Level::ok, "program", path.string(), ""});
    }
  }
}

void look_at_scheduler(const api::SchedulerView& scheduler, Findings& findings) {
  if (scheduler.up) {
    findings.push_back({Level::ok, "scheduler", "scheduler " + scheduler_text(scheduler), ""});
  } else {
    findings.push_back({Level::problem,
                        "scheduler_down",
                        "the scheduler does not answer: " + scheduler.detail,
                        "Type `scontrol ping`. Jobs that run go on; nothing new starts."});
  }
}

/// The daemon's own, and what this shell has (PATH, CKPT_DMTCP_ROOT, CKPT_CRIU): a job has the
/// environment of its submission.
void look_at_engines(const Session& session,
                     const std::vector<api::EngineView>& engines,
                     Findings& findings) {
  bool any = false; // that carries programs as they are
  for (const api::EngineView& one : engines) {
    const std::string name(word(one.engine));
    const Path here = engine_program(one.engine, session.env());
    const std::string misnamed = misnamed_engine(one.engine, session.env());
    if (!misnamed.empty()) {
      findings.push_back({Level::note,
                          "engine_unusable",
                          "engine " + name + ": " + misnamed,
                          "Jobs that you submit from this shell look nowhere else."});
    } else if (one.usable) {
      findings.push_back({Level::ok, "engine", "engine " + name + " " + one.version, ""});
    } else if (!here.empty()) {
      findings.push_back({Level::ok,
                          "engine",
                          "engine " + name + ": " + here.string() +
                              ", which jobs find that you submit from this shell",
                          ""});
    } else {
      findings.push_back(
          {Level::note, "engine_unusable", "engine " + name + ": " + one.detail, ""});
    }
    any =
        any || (one.engine != EngineKind::app && misnamed.empty() && (one.usable || !here.empty()));
  }
  if (!any) {
    findings.push_back(
        {Level::problem,
         "no_engine",
         "there is neither DMTCP nor CRIU here, and only programs that save themselves "
         "(--engine app) do without",
         "Put one on PATH (`module load dmtcp`), or name it: CKPT_DMTCP_ROOT=/prefix, "
         "CKPT_CRIU=/path/to/criu. Compute nodes may have one that this machine has "
         "not: `srun ckpt trial -- PROGRAM` tells."});
  }
}

void look_at_this_machine(const Session& session,
                          const api::Paths& paths,
                          const std::optional<api::StatusView>& status,
                          Findings& findings) {
  std::vector<Path> folders{paths.state_dir};
  if (status) {
    folders.push_back(Path(status->store.path) / "jobs"); // its root may be the site's
  }
  for (Finding& finding : machine_findings(
           look_at_machine(session.env_value("USER"), status ? status->daemon.pid : 0, folders))) {
    findings.push_back(std::move(finding));
  }
}

std::optional<api::StatusView>
look_at_daemon(Session& session, const Path& config_file, Findings& findings) {
  const auto daemon = session.daemon();
  if (!daemon) {
    findings.push_back(
        {Level::problem, daemon.error().code, daemon.error().message, daemon.error().advice});
    return std::nullopt;
  }
  const auto status = (*daemon)->status();
  if (!status) {
    findings.push_back(
        {Level::problem, status.error().code, status.error().message, status.error().advice});
    return std::nullopt;
  }
  findings.push_back(
      {Level::ok,
       "daemon",
       "daemon: pid " + std::to_string(status->daemon.pid) + " on " + status->daemon.host,
       ""});
  if (status->daemon.version != CKPT_VERSION) {
    findings.push_back(
        {Level::problem,
         "version_mismatch",
         "the daemon is version " + status->daemon.version + ", this is " + CKPT_VERSION,
         "Type `ckpt daemon restart`; jobs go on meanwhile."});
  }
  look_at_scheduler(status->scheduler, findings);
  look_at_engines(session, status->engines, findings);
  findings.push_back(store_finding(status->store, status->scheduler.kind, config_file));
  for (const api::DegradedView& reason : status->degraded) {
    findings.push_back({Level::problem, reason.code, reason.message, reason.advice});
  }
  return *status;
}

int doctor(Session& session) {
  Findings findings;
  if (const auto paths = session.paths()) {
    findings.push_back({Level::ok,
                        "state",
                        "cluster " + paths->cluster + ": state in " + paths->state_dir.string(),
                        ""});
    look_at_programs(session, findings);
    const auto status = look_at_daemon(session, paths->config_file, findings);
    look_at_this_machine(session, *paths, status, findings);
  } else {
    findings.push_back(
        {Level::problem, paths.error().code, paths.error().message, paths.error().advice});
  }
  session.out().findings(findings);
  return std::any_of(findings.begin(),
                     findings.end(),
                     [](const Finding& one) { return one.level == Level::problem; })
             ? 1
             : 0;
}

} // namespace

void add_doctor(Cli& cli) {
  Verb verb = cli.verb("doctor", "What is wrong here, and what to do about it");
  verb.footer("Ends with 1 if there is a problem.");
  verb.runs(doctor);
}

} // namespace ckpt::client
