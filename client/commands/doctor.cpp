#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
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

void look_at_engines(const std::vector<api::EngineView>& engines, Findings& findings) {
  const bool any = std::any_of(
      engines.begin(), engines.end(), [](const api::EngineView& one) { return one.usable; });
  for (const api::EngineView& one : engines) {
    const std::string name(word(one.engine));
    if (one.usable) {
      findings.push_back({Level::ok, "engine", "engine " + name + " " + one.version, ""});
    } else {
      findings.push_back(
          {Level::note, "engine_unusable", "engine " + name + ": " + one.detail, ""});
    }
  }
  if (!any) {
    findings.push_back({Level::problem,
                        "no_engine",
                        "no engine can be used on this machine",
                        "Install DMTCP (CKPT_DMTCP_ROOT names a build of your own) or CRIU "
                        "(CKPT_CRIU), or use --engine app with a program that saves itself."});
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

std::optional<api::StatusView> look_at_daemon(Session& session, Findings& findings) {
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
  look_at_engines(status->engines, findings);
  findings.push_back(store_finding(status->store, status->scheduler.kind));
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
    const auto status = look_at_daemon(session, findings);
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
