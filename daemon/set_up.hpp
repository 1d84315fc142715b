#pragma once

#include "api/views.hpp"
#include "core/base/log.hpp"
#include "core/engine/engine.hpp"
#include "daemon/daemon.hpp"
#include "daemon/reconciler.hpp"
#include "daemon/store_claim.hpp"

#include <memory>

namespace ckpt::daemon {

/// What the daemon works with, opened in order: store, scheduler, registry, runner.
struct Opened {
  std::unique_ptr<store::Store> store;
  store::StoreOwner store_owner; ///< this state folder
  std::unique_ptr<scheduler::Scheduler> scheduler;
  std::unique_ptr<Registry> registry;
  engine::EngineConfig engine;
  ReconcilerConfig reconciler;
  std::vector<api::EngineView> engines; ///< as found at the start
  std::string scheduler_version;
  bool registry_is_new = false;
  bool under_systemd = false;
};

Result<Opened> open_all(const DaemonOptions& options);
Result<Path> socket_path(const DaemonOptions& options);
log::Level log_level(const std::string& text);
/// Scheduler, engines, store, counts and what is degraded.
Result<api::StatusView>
complete_status(api::StatusView view, const Opened& opened, Reconciler& reconciler);

} // namespace ckpt::daemon
