#pragma once

#include "api/views.hpp"
#include "core/base/log.hpp"
#include "core/engine/engine.hpp"
#include "daemon/daemon.hpp"
#include "daemon/messenger.hpp"
#include "daemon/reconciler.hpp"
#include "daemon/store_claim.hpp"
#include "daemon/verifier.hpp"

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
  MessengerConfig messenger;
  VerifySettings verify;
  std::vector<api::EngineView> engines; ///< as found at the start
  std::string scheduler_version;
  bool registry_is_new = false; ///< to be filled from the store
  /// Why it was made again from the store though nobody had asked for that, and where the old one
  /// is: for log, events and status.
  std::optional<api::DegradedView> rebuilt;
  bool under_systemd = false;
};

/// `silent_owner`: the owner before may only be frozen, and hold the registry's lock.
Result<Opened> open_all(const DaemonOptions& options, bool silent_owner);
Result<Path> socket_path(const DaemonOptions& options);
log::Level log_level(const std::string& text);
/// Scheduler, engines, store, counts and what is degraded.
Result<api::StatusView>
complete_status(api::StatusView view, const Opened& opened, Reconciler& reconciler);

} // namespace ckpt::daemon
