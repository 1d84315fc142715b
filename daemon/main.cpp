// ckptd: the per-user daemon. Wiring only.
#include "core/base/log.hpp"
#include "daemon/daemon.hpp"

#include <sys/stat.h>

#include <csignal>
#include <cstdio>

namespace {

using namespace ckpt;

/// `logged`: in the log file too, where one is written.
int complain(const Error& error, bool logged = false) {
  std::fprintf(stderr, "ckptd: %s\n", error.message.c_str());
  if (!error.advice.empty()) {
    std::fprintf(stderr, "  %s\n", error.advice.c_str());
  }
  if (logged) {
    log::error(error.message);
  }
  return daemon::exit_status(error);
}

/// ckpt-runner is installed beside us.
std::string runner_beside_us(const api::Environment& env) {
  if (const auto found = env.find("CKPTD_RUNNER"); found != env.end()) {
    return found->second;
  }
  std::error_code error;
  return (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "ckpt-runner")
      .string();
}

} // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(077); // whatever writes a file for us: SQLite, Slurm, a script
  const auto line = daemon::read_command_line({argv + 1, argv + argc});
  if (!line) {
    return complain(line.error());
  }
  if (line->help || line->version) {
    std::fputs((line->help ? daemon::usage() : "ckptd " CKPT_VERSION "\n").c_str(), stdout);
    return 0;
  }
  daemon::DaemonOptions options;
  options.env = api::environment_of_process();
  if (!line->config.empty()) {
    options.env["CKPTD_CONFIG"] = std::filesystem::absolute(line->config).string();
  }
  auto paths = api::find_paths(options.env);
  if (!paths) {
    return complain(paths.error());
  }
  options.paths = *paths;
  if (const auto fine = api::check_cluster(options.env, options.paths); !fine) {
    return complain(fine.error());
  }
  auto config = api::Config::load(options.paths.config_file, options.env);
  if (!config) {
    return complain(config.error());
  }
  options.config = *config;
  options.runner_executable = runner_beside_us(options.env);
  options.foreground = line->foreground;
  options.rebuild = line->rebuild;
  options.adopt_store = line->adopt_store;
  const auto done = daemon::run_daemon(options);
  return done ? 0 : complain(done.error(), !options.foreground);
}
