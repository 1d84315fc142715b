#include "daemon/daemon.hpp"

#include "api/server/server.hpp"
#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/base/process.hpp"
#include "daemon/owner.hpp"
#include "daemon/scheduler_worker.hpp"
#include "daemon/set_up.hpp"
#include "daemon/use_cases.hpp"

#include <boost/asio.hpp>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <utility>

// The loop: one thread that owns all state. HTTP threads and the scheduler's thread post to it.

namespace ckpt::daemon {
namespace {

namespace asio = boost::asio;

class Daemon {
public:
  Daemon(const DaemonOptions& options, Ownership ownership, Opened opened)
      : options_(options), ownership_(std::move(ownership)), opened_(std::move(opened)),
        worker_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }),
        gate_([this](std::function<void()> f) { asio::post(io_, std::move(f)); }),
        reconciler_(
            {*opened_.registry, *opened_.store, *opened_.scheduler, worker_, system_clock()},
            opened_.reconciler),
        commands_(reconciler_, {opened_.engine}),
        use_cases_(gate_, commands_, [this] { return status(); }), signals_(io_, SIGTERM, SIGINT),
        timer_(io_) {
    reconciler_.epoch = ownership_.epoch();
    reconciler_.still_owner = [this] {
      return own_ = own_ && ownership_.still_ours() && store_is_ours();
    };
    reconciler_.changed = [this] { gate_.notify(); };
  }

  Status run() {
    if (const Status recovered = reconciler_.recover(options_.rebuild || opened_.registry_is_new);
        !recovered) {
      return recovered;
    }
    if (const Status listening = start_server(); !listening) {
      return listening;
    }
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) {
        log::info("ends on signal " + signal_name(signal) + "; jobs go on");
        io_.stop();
      }
    });
    idle_since_ = system_clock().monotonic();
    tick();
    sd_notify(0, "READY=1");
    log::info("ckptd " CKPT_VERSION " is ready, pid " + std::to_string(::getpid()));
    io_.run();
    sd_notify(0, "STOPPING=1");
    gate_.close();
    server_.stop();
    worker_.stop();
    (void)remove_file(options_.paths.endpoint_file());
    if (!own_) {
      return fail(ErrorClass::conflict,
                  "taken_over",
                  "another daemon has taken this state folder or its store over; this one leaves");
    }
    ownership_.release();
    return {};
  }

private:
  Status start_server() {
    api::ServerConfig config;
    auto socket = socket_path(options_);
    auto tcp = api::TcpMode::parse(options_.config.text("api.tcp"));
    auto token = api::load_or_create_token(options_.paths.token_file());
    if (!socket || !tcp || !token) {
      return tl::unexpected(!socket ? socket.error() : !tcp ? tcp.error() : token.error());
    }
    config.socket_path = *socket;
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

  void tick() {
    const MonoTime now = system_clock().monotonic();
    if (!renewed_at_ || now - *renewed_at_ >= seconds{10}) {
      renewed_at_ = now;
      own_ = own_ && ownership_.renew() && store_is_ours();
      sd_notify(0, "WATCHDOG=1");
      keep_socket();
    }
    if (!own_) {
      log::error("another daemon has taken over; this one leaves");
      return io_.stop();
    }
    reconciler_.tick();
    if (reconciler_.anything_runs()) {
      idle_since_ = now;
    }
    const Duration idle_exit = options_.config.duration("daemon.idle_exit");
    if (idle_exit > Duration{0} && !opened_.under_systemd && now - idle_since_ >= idle_exit) {
      log::info("idle for " + format_duration(idle_exit) + "; the next command starts it again");
      return io_.stop();
    }
    timer_.expires_after(options_.config.duration("poll.journal"));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        tick();
      }
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
  LoopGate gate_;
  Reconciler reconciler_;
  Commands commands_;
  DaemonUseCases use_cases_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  api::ApiServer server_;
  TimePoint started_at_ = system_clock().now();
  MonoTime idle_since_{};
  std::optional<MonoTime> renewed_at_;
  bool own_ = true;
};

} // namespace

Status run_daemon(const DaemonOptions& options) {
  if (const Status made = make_directories(options.paths.state_dir, 0700); !made) {
    return made;
  }
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
  auto opened = open_all(options);
  if (!opened) {
    ownership->release();
    return tl::unexpected(opened.error());
  }
  Daemon daemon(options, *std::move(ownership), *std::move(opened));
  return daemon.run();
}

} // namespace ckpt::daemon
