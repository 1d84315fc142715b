// Looks at the running program for what will break a restart: soon after its start, again when it
// has settled, before each checkpoint, and now and then.
#include "runner/supervisor.hpp"

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

constexpr Duration kFirstLook = seconds{3}; ///< after the start
constexpr Duration kSecondLook = minutes{1};
constexpr Duration kBetweenLooks = minutes{10};

} // namespace

void Supervisor::plan_hazard_looks(const std::vector<Warning>& from_before) {
  warnings_ = from_before;
  next_hazard_look_ = clock_.monotonic() + kFirstLook;
}

LookSetting Supervisor::look_setting() const {
  LookSetting setting;
  setting.engine = engine_->kind();
  setting.stays_on_node = context_.scheduler == SchedulerKind::local;
  setting.restarted = !restarted_from_.empty();
  setting.cwd = spec_.cwd;
  setting.job_folder = folder_.path();
  setting.tmpdir = tmpdir_;
  setting.output = output_;
  return setting;
}

void Supervisor::look_for_hazards() {
  std::vector<pid_t> helpers;
  if (const auto coordinator = session_->coordinator()) {
    helpers.push_back(coordinator->pid);
  }
  hazards_.start(session_->program_processes(), helpers, look_setting(), policy_);
}

void Supervisor::watch_hazards() {
  if (const auto report = hazards_.take()) {
    tell_warnings(report->warnings);
  }
  const MonoTime time = clock_.monotonic();
  if (phase_ != Phase::running || in_flight_ || time < next_hazard_look_) {
    return;
  }
  next_hazard_look_ = time + (now() < kSecondLook ? kSecondLook : kBetweenLooks);
  look_for_hazards();
}

void Supervisor::tell_warnings(const std::vector<Warning>& found) {
  const WarningChanges changes = changes_between(warnings_, found);
  for (const Warning& warning : changes.told) {
    warn(warning.code, warning.text, warning.advice);
  }
  for (const std::string& code : changes.gone) {
    journal({.kind = Kind::warning_gone, .code = code});
  }
  warnings_ = found;
}

} // namespace ckpt::runner
