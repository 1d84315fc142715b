#include "runner/hazard_look.hpp"

#include "core/base/process_facts.hpp"
#include "core/base/strings.hpp"
#include "core/engine/engine.hpp"
#include "runner/local_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>

namespace ckpt::runner {
namespace {

std::optional<FileIdentity> identity_of(const Path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? std::optional(FileIdentity{info.st_dev, info.st_ino})
                                          : std::nullopt;
}

// "/proc/7/exe" leads to the file even where its name is gone.
void look_at_executable(ProcessFacts& process, std::map<FileIdentity, ProcessFacts>& known) {
  const std::string link = "/proc/" + std::to_string(process.pid) + "/exe";
  const auto identity = identity_of(link);
  if (!identity) {
    process.settled = false; // it ends just now
    return;
  }
  auto found = known.find(*identity);
  if (found == known.end()) {
    ProcessFacts of_file;
    if (const auto facts = engine::inspect_executable(link, {}, "/")) {
      of_file.is_static = facts->elf && !facts->dynamic;
      of_file.setuid = facts->setuid;
    }
    found = known.emplace(*identity, of_file).first;
  }
  process.is_static = found->second.is_static;
  process.setuid = found->second.setuid;
}

std::string much(const TmpdirContent& tmpdir) {
  return "more than " + std::to_string(tmpdir.count - 1) + " files or " + human_bytes(tmpdir.bytes);
}

std::optional<Hazard> hazard_of_tmpdir(const TmpdirContent& tmpdir, const Surroundings& around) {
  if (around.stays_on_node || around.local_files == LocalFiles::ignore || tmpdir.count == 0) {
    return std::nullopt;
  }
  if (tmpdir.too_much) {
    return Hazard{HazardKind::tmpdir_files, much(tmpdir)};
  }
  if (around.local_files == LocalFiles::warn) {
    return Hazard{HazardKind::tmpdir_files,
                  std::to_string(tmpdir.count) + " files, " + human_bytes(tmpdir.bytes)};
  }
  return std::nullopt;
}

} // namespace

Surroundings surroundings_of(const LookSetting& setting, const Policy& policy) {
  Surroundings around;
  around.engine = setting.engine;
  around.local_files = policy.local_files;
  around.stays_on_node = setting.stays_on_node;
  around.restarted = setting.restarted;
  around.privileged = ::geteuid() == 0;
  around.cwd = setting.cwd;
  around.job_folder = setting.job_folder.string();
  around.tmpdir = setting.tmpdir.string();
  for (const Path& shared : {Path(setting.cwd), setting.job_folder}) {
    if (const auto identity = identity_of(shared)) {
      around.shared_devices.insert(identity->first);
    }
  }
  std::vector<Path> covered{setting.output.out, setting.output.err};
  for (const auto* globs : {&policy.ckpt_files, &policy.append_files}) {
    const std::vector<Path> named = expand_globs(*globs, setting.cwd);
    covered.insert(covered.end(), named.begin(), named.end());
  }
  for (const Path& path : covered) {
    if (const auto identity = identity_of(path)) {
      around.covered.insert(*identity);
    }
  }
  return around;
}

std::vector<ProcessFacts> look_at_program(const std::vector<ProcessInfo>& processes,
                                          const std::vector<pid_t>& helpers) {
  std::vector<ProcessFacts> all = look_at_processes(processes, helpers);
  std::map<FileIdentity, ProcessFacts> known;
  for (ProcessFacts& process : all) {
    look_at_executable(process, known);
  }
  return all;
}

HazardReport find_hazards_of(const std::vector<ProcessInfo>& processes,
                             const std::vector<pid_t>& helpers,
                             const LookSetting& setting,
                             const Policy& policy) {
  HazardReport report;
  if (setting.engine == EngineKind::app) {
    return report; // its program opens everything anew
  }
  const Surroundings around = surroundings_of(setting, policy);
  const std::vector<ProcessFacts> facts = look_at_program(processes, helpers);
  const TmpdirContent tmpdir = look_at_tmpdir(around.tmpdir);
  std::vector<Hazard> hazards = find_hazards(facts, around);
  if (const auto more = hazard_of_tmpdir(tmpdir, around)) {
    hazards.push_back(*more);
  }
  report.warnings = warnings_of(hazards, around);
  report.local_bytes = choose_local_files(facts, tmpdir, around).bytes;
  return report;
}

void HazardWatch::start(std::vector<ProcessInfo> processes,
                        std::vector<pid_t> helpers,
                        LookSetting setting,
                        Policy policy) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->busy) {
      return;
    }
    shared_->busy = true;
  }
  std::thread([shared = shared_,
               processes = std::move(processes),
               helpers = std::move(helpers),
               setting = std::move(setting),
               policy = std::move(policy)] {
    HazardReport report = find_hazards_of(processes, helpers, setting, policy);
    const std::lock_guard lock(shared->mutex);
    shared->local_bytes = report.local_bytes;
    shared->report = std::move(report);
    shared->busy = false;
    shared->over.notify_all();
  }).detach();
}

std::optional<HazardReport> HazardWatch::take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->report, std::nullopt);
}

void HazardWatch::wait(std::chrono::milliseconds at_most) const {
  std::unique_lock lock(shared_->mutex);
  shared_->over.wait_for(lock, at_most, [&] { return !shared_->busy; });
}

std::uint64_t HazardWatch::local_bytes() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->local_bytes;
}

WarningChanges changes_between(const std::vector<Warning>& before,
                               const std::vector<Warning>& after) {
  WarningChanges changes;
  for (const Warning& warning : after) {
    if (std::find(before.begin(), before.end(), warning) == before.end()) {
      changes.told.push_back(warning);
    }
  }
  for (const Warning& warning : before) {
    const bool stands = std::any_of(after.begin(), after.end(), [&](const Warning& other) {
      return other.code == warning.code;
    });
    if (!stands) {
      changes.gone.push_back(warning.code);
    }
  }
  return changes;
}

} // namespace ckpt::runner
