#include "client/daemon_control.hpp"

#include "client/autostart.hpp"
#include "core/base/clock.hpp"
#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace ckpt::client {
namespace {

constexpr seconds kStartPatience{20};
constexpr seconds kStopPatience{30};
constexpr milliseconds kLookAgain{30};
constexpr seconds kOthersPatience{10}; ///< for a daemon that somebody else has just started
constexpr int kConflict = 4;           ///< ckptd's status when there is one already

std::string value_of(const api::Environment& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

bool runs_here(const api::Endpoint& endpoint) {
  if (endpoint.host != host_name()) {
    return false;
  }
  const auto info = process_info(static_cast<pid_t>(endpoint.pid));
  return info && info->comm == "ckptd" && info->state != 'Z';
}

tl::unexpected<Error> none(const api::Paths& paths) {
  return fail(ErrorClass::no_daemon,
              "no_daemon",
              "no daemon runs for " + paths.state_dir.string(),
              "Start it: `ckpt daemon start`.");
}

tl::unexpected<Error> elsewhere(const api::Endpoint& endpoint) {
  return fail(ErrorClass::no_daemon,
              "daemon_elsewhere",
              "the daemon runs on " + endpoint.host + " (pid " + std::to_string(endpoint.pid) +
                  "), and it listens there only",
              "Work there: `ssh " + endpoint.host + "`; or end it there with `ckpt daemon stop`.");
}

/// The last lines of what a daemon said before it ended.
std::string last_words(const Path& file) {
  constexpr std::size_t kLines = 5;
  const auto text = read_file(file);
  std::vector<std::string> lines = split_lines(text.value_or(""));
  if (lines.size() > kLines) {
    lines.erase(lines.begin(), lines.end() - kLines);
  }
  return join(lines, "\n  ");
}

tl::unexpected<Error> start_failed(const std::string& how, const Path& words) {
  const std::string said = last_words(words);
  return fail(ErrorClass::no_daemon,
              "daemon_not_started",
              "the daemon did not start: " + how + (said.empty() ? "" : "; it said:\n  " + said),
              "Type `ckptd --foreground` to see more.");
}

} // namespace

Path find_program(const std::string& name, const api::Environment& env) {
  std::error_code error;
  std::vector<Path> folders{std::filesystem::read_symlink("/proc/self/exe", error).parent_path()};
  for (const std::string& folder : split(value_of(env, "PATH"), ':')) {
    folders.emplace_back(folder);
  }
  for (const Path& folder : folders) {
    const Path candidate = folder / name;
    if (!folder.empty() && std::filesystem::is_regular_file(candidate, error) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

Result<ApiClient> connect_to_daemon(const api::Paths& paths, std::optional<Duration> patience) {
  auto endpoint = api::read_endpoint(paths.endpoint_file());
  if (!endpoint) {
    return tl::unexpected(endpoint.error());
  }
  if (endpoint->host != host_name()) {
    return elsewhere(*endpoint);
  }
  // Gone with a logout is no danger: the client then goes over TCP, with the token.
  if (const auto ours = api::check_socket_folder(endpoint->socket.parent_path());
      !ours && ours.error().cls != ErrorClass::not_found) {
    return tl::unexpected(ours.error());
  }
  ApiClient client(std::move(*endpoint));
  if (auto answers = client.ping(patience); !answers) {
    if (!runs_here(client.endpoint())) {
      return none(paths);
    }
    return tl::unexpected(answers.error());
  }
  return client;
}

Result<ApiClient> start_daemon(const api::Paths& paths,
                               const api::Environment& env,
                               const Say& say,
                               const std::vector<std::string>& daemon_options) {
  if (auto fine = api::check_cluster(env, paths); !fine) {
    return tl::unexpected(fine.error());
  }
  const Path program = find_program("ckptd", env);
  if (program.empty()) {
    return fail(ErrorClass::no_daemon,
                "ckptd_not_found",
                "no daemon runs, and ckptd is neither beside ckpt nor on PATH",
                "Put its folder on PATH, or start it yourself.");
  }
  if (auto made = make_directories(paths.state_dir, 0700); !made) {
    return tl::unexpected(made.error());
  }
  const Path words = paths.state_dir / "ckptd.start.log";
  (void)remove_file(words);
  SpawnOptions options;
  options.argv = {program.string()};
  options.argv.insert(options.argv.end(), daemon_options.begin(), daemon_options.end());
  options.env = env;
  options.cwd = "/";
  options.stdout_path = words.string();
  options.new_session = true;
  const auto pid = spawn(options);
  if (!pid) {
    return tl::unexpected(pid.error());
  }
  Clock& clock = system_clock();
  const MonoTime deadline = clock.monotonic() + kStartPatience;
  std::optional<ExitStatus> ended;
  MonoTime give_up = deadline;
  while (clock.monotonic() < deadline) {
    if (auto client = connect_to_daemon(paths)) {
      say("started the daemon (ckptd, cluster " + paths.cluster + ", pid " +
          std::to_string(client->endpoint().pid) + ")");
      return client;
    }
    if (ended && clock.monotonic() >= give_up) {
      return start_failed(ended->describe(), words);
    }
    int status = 0;
    if (!ended && waitpid(*pid, &status, WNOHANG) == *pid) {
      ended = ExitStatus::from_wait_status(status);
      // Refused since another one was faster, which may not answer yet; else it is looked once
      // more.
      give_up = clock.monotonic() + (ended->code == kConflict ? kOthersPatience : Duration{0});
    } else {
      clock.sleep_for(kLookAgain);
    }
  }
  return start_failed("it did not answer within 20 s", words);
}

Result<ApiClient>
connect_or_start(const api::Paths& paths, const api::Environment& env, const Say& say) {
  auto client = connect_to_daemon(paths);
  if (client || client.error().code != "no_daemon" || !may_start_daemon(paths.config_file, env)) {
    return client;
  }
  return start_daemon(paths, env, say);
}

Status stop_daemon(const api::Paths& paths) {
  const auto endpoint = api::read_endpoint(paths.endpoint_file());
  if (!endpoint) {
    return tl::unexpected(endpoint.error());
  }
  if (endpoint->host != host_name()) {
    return elsewhere(*endpoint);
  }
  const auto process = process_info(static_cast<pid_t>(endpoint->pid));
  if (!process || !runs_here(*endpoint)) {
    return none(paths);
  }
  if (!signal_process(*process, SIGTERM)) {
    return {}; // ended in this instant
  }
  Clock& clock = system_clock();
  const MonoTime deadline = clock.monotonic() + kStopPatience;
  while (clock.monotonic() < deadline) {
    const auto now = process_info(process->pid);
    if (!now || now->start_ticks != process->start_ticks || now->state == 'Z') {
      return {};
    }
    clock.sleep_for(kLookAgain);
  }
  return fail(ErrorClass::timed_out,
              "daemon_does_not_end",
              "the daemon (pid " + std::to_string(process->pid) + ") did not end within 30 s",
              "Look at its log (`ckpt paths`); jobs do not depend on it.");
}

} // namespace ckpt::client
