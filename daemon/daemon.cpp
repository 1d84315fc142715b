#include "daemon/daemon.hpp"

#include "api/server/server.hpp"
#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "daemon/notifier.hpp"
#include "daemon/owner.hpp"
#include "daemon/scheduler_worker.hpp"
#include "daemon/set_up.hpp"
#include "daemon/use_cases.hpp"
#include "daemon/verifier.hpp"

#include <boost/asio.hpp>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <utility>

// The loop: one thread that owns all state. HTTP threads and the scheduler's thread post to it.

namespace ckpt::daemon {
namespace {

namespace asio = boost::asio;

constexpr const char* kDamaged = "registry_damaged";

class Daemon {
public:
  Daemon(const DaemonOptions& options, Ownership ownership, Opened opened)
      : options_(options), ownership_(std::move(ownership)), opened_(std::move(opened)),
        worker_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }),
        messenger_(opened_.messenger),
        mail_worker_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }),
        gate_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }),
        reconciler_(
            {*opened_.registry, *opened_.store, *opened_.scheduler, worker_, system_clock()},
            opened_.reconciler),
        commands_(reconciler_, {opened_.engine}),
        use_cases_(gate_,
                   commands_,
                   [this] { return status(); },
                   {.verifier = [this] { return verifier_ ? &*verifier_ : nullptr; },
                    .figures = [this](Figures& figures) { add_figures(figures); }}),
        notifier_(
            reconciler_, mail_worker_, messenger_, [this](JobId id) { return commands_.view(id); }),
        signals_(io_, SIGTERM, SIGINT), timer_(io_) {
    reconciler_.epoch = ownership_.epoch();
    reconciler_.still_owner = [this] {
      return own_ = own_ && ownership_.still_ours() && store_is_ours();
    };
    reconciler_.changed = [this] { gate_.notify(); };
  }

  Status run() {
    if (const Status ready = get_ready(); !ready) {
      messenger_.stop();
      mail_worker_.stop();
      worker_.stop();
      ownership_.release();
      return ready;
    }
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) {
        log::info("ends on signal " + signal_name(signal) + "; jobs go on");
        io_.stop();
      }
    });
    idle_since_ = system_clock().monotonic();
    start_verifier();
    tick();
    sd_notify(0, "READY=1");
    log::info("ckptd " CKPT_VERSION " is ready, pid " + std::to_string(::getpid()));
    io_.run();
    sd_notify(0, "STOPPING=1");
    gate_.close();
    server_.stop(); // nobody asks the verifier any more
    verifier_.reset();
    messenger_.stop(); // what it was about to tell is told by the next daemon
    mail_worker_.stop();
    worker_.stop();
    if (!own_) { // what leads clients to a daemon leads them to the other one
      return fail(ErrorClass::conflict,
                  "taken_over",
                  "another daemon has taken this state folder or its store over; this one leaves");
    }
    (void)remove_file(options_.paths.endpoint_file());
    api::remove_socket_folder(options_.env, options_.paths.state_dir, socket_.parent_path());
    ownership_.release();
    return damage_.empty() ? Status{} : damaged();
  }

private:
  Status get_ready() {
    if (opened_.rebuilt) {
      log::error(opened_.rebuilt->message + "; " + opened_.rebuilt->advice);
    }
    const Status recovered = reconciler_.recover(opened_.registry_is_new);
    damage_ = opened_.registry->damage(true);
    if (!recovered || !damage_.empty()) {
      return damage_.empty() ? recovered : damaged();
    }
    if (opened_.rebuilt) {
      (void)opened_.registry->commit_event(
          {system_clock().now(),
           opened_.rebuilt->code,
           {},
           {},
           opened_.rebuilt->message + "; " + opened_.rebuilt->advice,
           "daemon",
           "daemon",
           std::nullopt});
    }
    return start_server();
  }

  Status damaged() const {
    return fail(ErrorClass::failed,
                kDamaged,
                damage_,
                "start it again: the registry is made again from the store");
  }

  Status start_server() {
    api::ServerConfig config;
    auto socket = socket_path(options_);
    auto tcp = api::TcpMode::parse(options_.config.text("api.tcp"));
    auto token = api::load_or_create_token(options_.paths.token_file());
    if (!socket || !tcp || !token) {
      return tl::unexpected(!socket ? socket.error() : !tcp ? tcp.error() : token.error());
    }
    config.socket_path = *socket;
    socket_ = *socket;
    config.tcp = *tcp;
    config.token = *token;
    if (const Status started = server_.start(config, use_cases_); !started) {
      return started;
    }
    api::Endpoint endpoint;
    endpoint.host = host_name();
    endpoint.pid = ::getpid();
    endpoint.uid = ::getuid();
    endpoint.version = CKPT_VERSION;
    endpoint.socket = *socket;
    endpoint.tcp = server_.tcp_address();
    endpoint.token_file = options_.paths.token_file();
    endpoint.started_at = started_at_;
    return api::write_endpoint(options_.paths.endpoint_file(), endpoint);
  }

  void add_figures(Figures& figures) const {
    figures.loop_lag_seconds = lag_seconds_;
    figures.loop_lag_max_seconds = lag_max_seconds_;
    figures.connections = server_.counts().connections;
    figures.streams = server_.counts().streams;
  }

  void tick() {
    const MonoTime now = system_clock().monotonic();
    if (tick_due_) {
      const auto late = std::max(now - *tick_due_, Duration{0});
      lag_seconds_ = static_cast<double>(late.count()) / 1000;
      lag_max_seconds_ = std::max(lag_max_seconds_.load(), lag_seconds_.load());
    }
    if (!renewed_at_ || now - *renewed_at_ >= seconds{10}) {
      renewed_at_ = now;
      own_ = own_ && ownership_.renew() && store_is_ours();
      sd_notify(0, "WATCHDOG=1");
      keep_socket();
      damage_ = opened_.registry->damage(true);
    }
    if (!own_) {
      log::error("another daemon has taken over; this one leaves");
      return io_.stop();
    }
    reconciler_.tick();
    notifier_.tick();
    damage_ = damage_.empty() ? opened_.registry->damage(false) : damage_;
    if (!damage_.empty()) {
      return io_.stop(); // rows that cannot be relied on decide nothing
    }
    if (reconciler_.anything_runs() || notifier_.busy()) {
      idle_since_ = now;
    }
    const Duration idle_exit = options_.config.duration("daemon.idle_exit");
    if (idle_exit > Duration{0} && !opened_.under_systemd && now - idle_since_ >= idle_exit) {
      log::info("idle for " + format_duration(idle_exit) + "; the next command starts it again");
      return io_.stop();
    }
    const Duration pause = options_.config.duration("poll.journal");
    tick_due_ = system_clock().monotonic() + pause;
    timer_.expires_after(pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        tick();
      }
    });
  }

  void start_verifier() {
    verifier_.emplace(
        *opened_.store, opened_.verify, system_clock(), [this](const Verified& found) {
          // Told before it is no longer asked for: whoever waits for it then sees the outcome.
          (void)gate_.call([this, found]() -> Result<bool> {
            if (found.at) {
              reconciler_.found_good(found.job, found.id, *found.at);
            } else if (!found.problem.empty()) {
              reconciler_.found_corrupt(found.job, found.id, found.problem);
            }
            return true;
          });
        });
  }

  bool store_is_ours() const { return still_owns(opened_.store->root(), opened_.store_owner); }

  /// Logout can delete $XDG_RUNTIME_DIR and the socket in it.
  void keep_socket() {
    if (server_.socket_present()) {
      return;
    }
    server_.stop();
    if (const Status started = start_server(); !started) {
      log::error("the socket is gone and could not be made again: " + started.error().message);
    }
  }

  Result<api::StatusView> status() {
    api::StatusView view;
    view.daemon.version = CKPT_VERSION;
    view.daemon.pid = ::getpid();
    view.daemon.host = host_name();
    view.daemon.uid = ::getuid();
    view.daemon.cluster = options_.paths.cluster;
    view.daemon.state_dir = options_.paths.state_dir.string();
    std::error_code error;
    if (std::filesystem::exists(options_.paths.config_file, error)) {
      view.daemon.config_path = options_.paths.config_file.string();
    }
    view.daemon.started_at = started_at_;
    view.daemon.epoch = ownership_.epoch();
    return complete_status(std::move(view), opened_, reconciler_);
  }

  const DaemonOptions& options_;
  Ownership ownership_;
  Opened opened_;
  asio::io_context io_{1};
  SchedulerWorker worker_;
  ProcessMessenger messenger_;
  SchedulerWorker mail_worker_;
  LoopGate gate_;
  Reconciler reconciler_;
  Commands commands_;
  DaemonUseCases use_cases_;
  Notifier notifier_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  api::ApiServer server_;
  Path socket_; ///< of server_; empty: not started yet
  std::optional<Verifier> verifier_;
  TimePoint started_at_ = system_clock().now();
  MonoTime idle_since_{};
  std::optional<MonoTime> renewed_at_;
  std::optional<MonoTime> tick_due_;
  std::atomic<double> lag_seconds_{0}; ///< of the newest tick
  std::atomic<double> lag_max_seconds_{0};
  bool own_ = true;
  std::string damage_; ///< of the registry
};

/// One daemon's life, from taking the state folder to letting it go.
Status live(const DaemonOptions& options) {
  auto ownership = Ownership::take(options.paths.state_dir,
                                   this_process(),
                                   system_clock(),
                                   options.config.duration("limits.owner_silence"));
  if (!ownership) {
    return tl::unexpected(ownership.error());
  }
  log::set_up(options.foreground ? Path{} : options.paths.log_file(),
              log_level(options.config.text("daemon.log_level")));
  constexpr Duration kStale = seconds{10}; // nobody but us writes there
  remove_stale_temporaries(options.paths.state_dir, kStale);
  auto opened = open_all(options, ownership->from_silent_host());
  if (!opened) {
    ownership->release();
    return tl::unexpected(opened.error());
  }
  Daemon daemon(options, *std::move(ownership), *std::move(opened));
  return daemon.run();
}

} // namespace

Status run_daemon(const DaemonOptions& options) {
  if (const Status made = make_private_directory(options.paths.state_dir); !made) {
    return made;
  }
  // A disk that damages what it is given again and again is a person's to look at.
  constexpr int kLives = 3;
  DaemonOptions again = options;
  for (int lives = 1;; ++lives) {
    const Status ended = live(again);
    if (ended || ended.error().code != kDamaged || lives == kLives) {
      return ended;
    }
    log::error(ended.error().message + ": the daemon begins again");
    again.rebuild = false; // was done
  }
}

} // namespace ckpt::daemon
