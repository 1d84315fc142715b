#include "core/engine/dmtcp/dmtcp_engine.hpp"

#include "core/base/files.hpp"
#include "core/engine/dmtcp/commands.hpp"
#include "core/engine/dmtcp/image.hpp"
#include "core/engine/dmtcp/inside.hpp"
#include "core/engine/dmtcp/install.hpp"
#include "core/engine/dmtcp/session.hpp"
#include "core/engine/dmtcp/start_watch.hpp"
#include "core/engine/start_stub.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>

namespace ckpt::engine {
namespace {

using dmtcp::Coordinator;
using dmtcp::DmtcpSession;
using dmtcp::Install;
using dmtcp::StartLimits;

constexpr seconds kCleanUp{10};
constexpr int kRestartPatience = 60; // × stall_timeout: a large image that makes progress may take
                                     // its time

Error with_code(const Error& error, const std::string& code) {
  Error changed = error;
  changed.code = code;
  return changed;
}

class DmtcpEngine final : public Engine {
public:
  explicit DmtcpEngine(EngineConfig config) : config_(std::move(config)) {}

  EngineKind kind() const override { return EngineKind::dmtcp; }
  bool can_shield_term() const override { return true; }

  Result<EngineVersion> version() override {
    const auto& found = install();
    if (!found) {
      return tl::unexpected(found.error());
    }
    return EngineVersion{.engine = EngineKind::dmtcp, .version = found->version};
  }

  Suitability suits(const ProgramInfo& program) override {
    const auto facts = inspect_executable(
        program.argv.empty() ? std::string{} : program.argv.front(), program.env, program.cwd);
    if (!facts) {
      return {.usable = false, .reason = facts.error().message};
    }
    if (facts->setuid) {
      return no(*facts, "changes its user or has capabilities: DMTCP cannot be loaded into it");
    }
    if (facts->elf && !facts->dynamic) {
      return no(*facts, "is linked statically: DMTCP cannot be loaded into it");
    }
    if (facts->bits == 32) {
      return no(*facts, "is a 32-bit program: DMTCP cannot be loaded into it");
    }
    return {.usable = true, .reason = {}};
  }

  Result<std::unique_ptr<Session>> launch(const LaunchRequest& request) override {
    const auto& found = install();
    if (!found) {
      return tl::unexpected(found.error());
    }
    const ProgramInfo& program = request.program;
    const auto facts = inspect_executable(
        program.argv.empty() ? std::string{} : program.argv.front(), program.env, program.cwd);
    if (!facts) {
      return tl::unexpected(facts.error());
    }
    if (const auto suited = suits(program); !suited.usable) {
      return fail(ErrorClass::unusable, "engine_unusable", suited.reason);
    }
    const auto inside = request.lasting_dir.empty() ? Result<Path>(Path())
                                                    : dmtcp::place_inside(request.lasting_dir);
    if (!inside) {
      return tl::unexpected(with_launch_code(inside.error()));
    }
    auto coordinator = start_coordinator(*found, request);
    if (!coordinator) {
      return tl::unexpected(with_launch_code(coordinator.error()));
    }
    const auto words = dmtcp::launch_command(*found,
                                             coordinator->port(),
                                             request.images_dir,
                                             coordinator->tmp_dir(),
                                             *inside,
                                             program.argv);
    const StartLimits limits = limits_of(request, "program.plan");
    auto session = start(*found, std::move(*coordinator), words, request, limits);
    if (!session) {
      return tl::unexpected(session.error());
    }
    return finish(std::move(*session),
                  [&](DmtcpSession& started) { return await_launched(started, limits); });
  }

  Result<std::unique_ptr<Session>> restart(const RestartRequest& request) override {
    const auto& found = install();
    if (!found) {
      return tl::unexpected(found.error());
    }
    std::vector<Path> images;
    const auto peers = whole_set(request.images, images);
    if (!peers) {
      return tl::unexpected(peers.error());
    }
    auto coordinator = start_coordinator(*found, request.launch);
    if (!coordinator) {
      return tl::unexpected(coordinator.error().code == "interrupted"
                                ? coordinator.error()
                                : with_code(coordinator.error(), "restart_failed"));
    }
    StartLimits limits = limits_of(request.launch, "restart.plan");
    limits.stall_timeout = request.stall_timeout;
    limits.timeout = std::max(request.launch.timeout, kRestartPatience * request.stall_timeout);
    limits.peers = *peers;
    const auto words = dmtcp::restart_command(
        *found, coordinator->port(), request.launch.images_dir, coordinator->tmp_dir(), images);
    auto session = start(*found, std::move(*coordinator), words, request.launch, limits);
    if (!session) {
      return tl::unexpected(with_code(session.error(), "restart_failed"));
    }
    return finish(std::move(*session),
                  [&](DmtcpSession& started) { return await_restarted(started, limits); });
  }

private:
  static Suitability no(const ExecutableFacts& facts, const std::string& why) {
    return {.usable = false, .reason = facts.resolved + " " + why};
  }

  static Error with_launch_code(const Error& error) {
    return error.code == "interrupted" ? error : with_code(error, "launch_failed");
  }

  const Result<Install>& install() {
    if (!install_) {
      install_ = dmtcp::find_install(config_.dmtcp_root, config_.folders());
    }
    return *install_;
  }

  // The images among a generation's files (the rest are copies of open files), if they are one set.
  static Result<std::size_t> whole_set(const std::vector<Path>& files, std::vector<Path>& images) {
    const auto bad = [](const std::string& why) {
      return fail(ErrorClass::failed,
                  "restart_failed",
                  "the images are not one whole set: " + why,
                  "use an older generation");
    };
    dmtcp::FolderLook look;
    std::vector<std::optional<dmtcp::ImageHeader>> headers;
    for (const auto& file : files) {
      if (file.extension() == ".dmtcp") {
        look.images.push_back(file);
        headers.push_back(dmtcp::read_header(file));
        if (!headers.back()) {
          return bad(file.string() + " cannot be read as an image");
        }
      }
    }
    if (state_of(look, headers) != dmtcp::SetState::complete) {
      return bad(std::to_string(headers.size()) + " images, " +
                 std::to_string(headers.empty() ? 0 : headers.front()->peers) + " expected");
    }
    images = look.images;
    return images.size();
  }

  Result<Coordinator> start_coordinator(const Install& found, const LaunchRequest& request) const {
    return Coordinator::start({.install = found,
                               .work_dir = request.work_dir,
                               .images_dir = request.images_dir,
                               .env = request.program.env,
                               .runner = config_.runner,
                               .give_up = request.give_up});
  }

  static StartLimits limits_of(const LaunchRequest& request, const std::string& plan_name) {
    return {.timeout = request.timeout,
            .stall_timeout = request.timeout,
            .peers = 0,
            .messages = request.work_dir / "dmtcp.log",
            .plan_file = request.work_dir / plan_name,
            .give_up = request.give_up};
  }

  Result<std::unique_ptr<DmtcpSession>> start(const Install& found,
                                              Coordinator coordinator,
                                              const std::vector<std::string>& words,
                                              const LaunchRequest& request,
                                              const StartLimits& limits) const {
    StubPlan plan;
    plan.argv = words;
    plan.env = dmtcp::clean_environment(request.program.env);
    plan.cwd = request.program.cwd; // also for a restart: the program's is that of dmtcp_restart
    plan.umask = request.umask;
    plan.stdout_path = request.stdout_path;
    plan.stderr_path = request.stderr_path;
    plan.ignore_term = request.shield_term;
    plan.death_signal = SIGKILL; // a hung restart would not notice that its coordinator is gone
    plan.parent_pid = ::getpid();
    const Fd messages(
        ::open(limits.messages.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    plan.inherit_fd = messages.get();
    plan.inherit_as = dmtcp::kMessagesFd;
    const auto pid = start_stub(config_.runner,
                                plan,
                                limits.plan_file,
                                request.work_dir / "stub.log",
                                messages ? std::optional(messages.get()) : std::nullopt);
    if (!pid) {
      coordinator.end();
      return tl::unexpected(with_code(pid.error(), "launch_failed"));
    }
    return std::make_unique<DmtcpSession>(found,
                                          std::move(coordinator),
                                          *pid,
                                          request.images_dir,
                                          limits.messages,
                                          request.stderr_path);
  }

  // After a failure nothing of the try is left; the root was never handed out, so it is reaped
  // here.
  template <class Wait>
  static Result<std::unique_ptr<Session>> finish(std::unique_ptr<DmtcpSession> session, Wait wait) {
    if (auto running = wait(*session); !running) {
      const std::string stands = session->keep_evidence(running.error());
      const auto cleaned = session->kill(kCleanUp);
      session->reap_root();
      Error error = running.error();
      error.message += stands;
      if (!cleaned) {
        error.message += "; " + cleaned.error().message;
      }
      return tl::unexpected(error);
    }
    return session;
  }

  EngineConfig config_;
  std::optional<Result<Install>> install_;
};

} // namespace

std::unique_ptr<Engine> make_dmtcp_engine(const EngineConfig& config) {
  return std::make_unique<DmtcpEngine>(config);
}

} // namespace ckpt::engine
