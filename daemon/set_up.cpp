#include "daemon/set_up.hpp"

#include "api/rate.hpp"
#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/store/origin.hpp"
#include "daemon/registry_file.hpp"

#include <unistd.h>

#include <map>

namespace ckpt::daemon {
namespace {

std::string variable(const api::Environment& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? "" : found->second;
}

/// Opens the store and makes it that of this state folder.
Result<store::Store>
open_store(const Path& path, const StoreClaim& claim, store::StoreOwner& owner) {
  auto store = store::Store::open(path);
  if (!store) {
    return store;
  }
  auto owned = claim_store(store->root(), claim, system_clock());
  if (!owned) {
    return tl::unexpected(owned.error());
  }
  owner = *std::move(owned);
  store->set_creator(owner.state_id);
  store::remove_staged_origins(*store);
  return store;
}

Result<store::Store> find_and_open_store(const DaemonOptions& options, store::StoreOwner& owner) {
  const auto id = state_id(options.paths.state_dir);
  if (!id) {
    return tl::unexpected(id.error());
  }
  StoreClaim claim;
  claim.adopt = options.adopt_store;
  claim.self.state_id = *id;
  claim.self.state_dir = options.paths.state_dir.string();
  claim.self.cluster = options.paths.cluster;
  claim.self.uid = ::getuid();
  claim.self.host = host_name();
  const api::StorePlace place = api::find_store(options.config, options.env, options.paths);
  if (!place.instead.empty() && store::read_owner(place.instead).value_or(std::nullopt)) {
    return open_store(place.instead, claim, owner); // once there, its jobs stay there
  }
  auto store = open_store(place.path, claim, owner);
  const bool other = !store && store.error().code == "store_of_another";
  return other && !place.instead.empty() ? open_store(place.instead, claim, owner)
                                         : std::move(store);
}

SchedulerKind scheduler_kind(const DaemonOptions& options) {
  if (options.paths.cluster == api::kLocalCluster) {
    return SchedulerKind::local;
  }
  const std::string kind = options.config.text("scheduler.kind");
  return kind == "auto" ? scheduler::detect_scheduler(options.env)
                        : from_word<SchedulerKind>(kind).value_or(SchedulerKind::local);
}

/// What Slurm's clients and the local attempts run with: nothing of the daemon's own environment
/// that an #SBATCH line could pick up by accident.
std::map<std::string, std::string> client_environment(const api::Environment& env) {
  std::map<std::string, std::string> out;
  for (const char* name : {"PATH",
                           "HOME",
                           "USER",
                           "LOGNAME",
                           "SHELL",
                           "LANG",
                           "TMPDIR",
                           "SLURM_CONF",
                           "XDG_RUNTIME_DIR",
                           "XDG_STATE_HOME"}) {
    if (const std::string value = variable(env, name); !value.empty()) {
      out[name] = value;
    }
  }
  return out;
}

PollTimes poll_times(const Config& config, SchedulerKind kind) {
  const bool local = kind == SchedulerKind::local;
  const auto time = [&](const char* key, Duration slurm, Duration here) {
    return config.text(key).empty() ? (local ? here : slurm) : config.duration(key);
  };
  PollTimes poll;
  poll.lease = config.duration("poll.lease");
  poll.pending = time("poll.pending", seconds{60}, seconds{2});
  poll.running = time("poll.running", minutes{5}, seconds{10});
  poll.after_act = time("poll.after_act", seconds{2}, milliseconds{200});
  return poll;
}

std::vector<api::EngineView> look_at_engines(const engine::EngineConfig& config) {
  std::vector<api::EngineView> views;
  for (const EngineKind kind : {EngineKind::dmtcp, EngineKind::criu, EngineKind::app}) {
    const auto engine = engine::make_engine(kind, config);
    if (!engine) {
      continue;
    }
    const auto version = engine->version();
    views.push_back({kind,
                     version.has_value(),
                     version ? version->version : "",
                     version ? "" : version.error().message});
  }
  return views;
}

} // namespace

log::Level log_level(const std::string& text) {
  if (text == "debug") {
    return log::Level::debug;
  }
  if (text == "warning") {
    return log::Level::warning;
  }
  return text == "error" ? log::Level::error : log::Level::info;
}

Result<Path> socket_path(const DaemonOptions& options) {
  const Path wanted = options.config.text("api.socket");
  if (!wanted.empty()) {
    const Status ready = api::prepare_socket_folder(wanted.parent_path());
    return ready ? Result<Path>(wanted) : tl::unexpected(ready.error());
  }
  const auto folder = api::make_socket_folder(options.env, options.paths.state_dir);
  return folder ? Result<Path>(*folder / "ckptd.sock") : tl::unexpected(folder.error());
}

Result<Opened> open_all(const DaemonOptions& options, bool silent_owner) {
  Opened opened;
  auto store = find_and_open_store(options, opened.store_owner);
  if (!store) {
    return tl::unexpected(store.error());
  }
  opened.store = std::make_unique<store::Store>(*std::move(store));
  const auto jobs = opened.store->list_jobs();
  if (!jobs) {
    return tl::unexpected(jobs.error());
  }
  auto registry = open_registry(options.paths.state_dir / "registry.db",
                                {options.rebuild, !jobs->empty(), silent_owner});
  if (!registry) {
    return tl::unexpected(registry.error());
  }
  opened.registry = std::move(registry->registry);
  opened.registry_is_new = registry->is_new;
  opened.rebuilt = std::move(registry->rebuilt);
  remove_stale_temporaries(opened.store->root() / "bin", seconds{10});
  const auto runner = opened.store->install_runner(options.runner_executable, CKPT_VERSION);
  if (!runner) {
    return tl::unexpected(runner.error());
  }
  const SchedulerKind kind = scheduler_kind(options);
  scheduler::SchedulerConfig config;
  config.kind = kind;
  config.state_dir = options.paths.state_dir / "local";
  config.env = client_environment(options.env);
  opened.scheduler = scheduler::make_scheduler(config);
  opened.scheduler_version = opened.scheduler->version();
  opened.engine.dmtcp_root = options.config.text("engine.dmtcp.root");
  opened.engine.criu = options.config.text("engine.criu.path");
  opened.engine.runner = runner->string();
  opened.engines = look_at_engines(opened.engine);
  opened.verify.every = options.config.duration("verify.every");
  opened.verify.bytes_per_second =
      api::parse_rate(options.config.text("verify.rate")).value_or(0); // checked when it was read
  opened.messenger.command = options.config.text("notify.command");
  opened.messenger.mail_command = options.config.text("notify.mail_command");
  opened.messenger.timeout = options.config.duration("notify.timeout");
  opened.messenger.env = config.env;
  opened.under_systemd = !variable(options.env, "NOTIFY_SOCKET").empty();

  ReconcilerConfig& out = opened.reconciler;
  out.limits.lease = options.config.duration("limits.lease");
  out.limits.absence = options.config.duration("limits.absence");
  out.limits.submit_patience = options.config.duration("limits.submit_patience");
  out.limits.submit_retry = options.config.duration("limits.submit_retry");
  out.limits.act_repeat = options.config.duration("limits.act_repeat");
  out.poll = poll_times(options.config, kind);
  out.runner = runner->string();
  out.tells_command = !opened.messenger.command.empty();
  out.env = config.env;
  out.state_dir = options.paths.state_dir.string();
  // Daemon and runners must mean the same by a lease that has run out.
  out.exports["CKPT_LEASE"] = std::to_string(out.limits.lease / milliseconds{1}) + "ms";
  const Duration patience = options.config.duration("limits.store_patience");
  out.exports["CKPT_STORE_PATIENCE"] = std::to_string(patience / milliseconds{1}) + "ms";
  out.exports["CKPT_RESTART_DELAY"] =
      std::to_string(options.config.duration("limits.restart_delay") / milliseconds{1}) + "ms";
  out.exports.merge(kill_point_environment());
  if (!opened.engine.dmtcp_root.empty()) {
    out.exports["CKPT_DMTCP_ROOT"] = opened.engine.dmtcp_root;
  }
  if (!opened.engine.criu.empty()) {
    out.exports["CKPT_CRIU"] = opened.engine.criu;
  }
  return opened;
}

Result<api::StatusView>
complete_status(api::StatusView view, const Opened& opened, Reconciler& reconciler) {
  const Sightings& seen = reconciler.sightings();
  view.scheduler.kind = opened.scheduler->kind();
  view.scheduler.version = opened.scheduler_version;
  view.scheduler.up = !seen.outage;
  view.scheduler.detail = seen.outage ? seen.outage->message : "";
  view.scheduler.asked_at = seen.answered_at;
  view.engines = opened.engines;
  view.store.path = opened.store->root().string();
  if (const auto space = space_of(opened.store->root())) {
    view.store.filesystem = space->filesystem;
    view.store.available_bytes = space->available_bytes;
    view.store.total_bytes = space->total_bytes;
  } else {
    view.degraded.push_back(
        {"store_unusable", space.error().message, space.error().advice, std::nullopt});
  }
  if (opened.rebuilt) {
    view.degraded.push_back(*opened.rebuilt);
  }
  if (const auto& trouble = reconciler.registry_trouble()) {
    view.degraded.push_back({trouble->code,
                             trouble->message,
                             "jobs go on, and their files are written; " + trouble->advice,
                             reconciler.registry_trouble_since()});
  }
  if (seen.outage) {
    view.degraded.push_back({"scheduler_down",
                             "the scheduler does not answer: " + seen.outage->message,
                             "jobs that run go on; new ones start when it answers",
                             seen.outage_since});
  }
  for (const Reconciler::CorruptNewest& found : reconciler.corrupt_newest()) {
    view.degraded.push_back({"generation_corrupt",
                             "the newest generation of " + found.job.str() + ", " +
                                 found.generation.str() + ", is corrupt: " + found.problem,
                             "a restart would take an older one; while it runs, `ckpt checkpoint " +
                                 found.job.str() + "` makes a good one",
                             std::nullopt});
  }
  const auto counts = opened.registry->count_by_state();
  const auto last = opened.registry->last_seq();
  if (!counts || !last) {
    return tl::unexpected(counts ? last.error() : counts.error());
  }
  for (const auto& [state, count] : *counts) {
    view.jobs[std::string(word(state))] = count;
  }
  view.last_event_seq = *last;
  view.health = view.degraded.empty() ? "ok" : "degraded";
  return view;
}

} // namespace ckpt::daemon
