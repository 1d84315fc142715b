#include "client/session.hpp"

#include "api/problem.hpp"
#include "client/daemon_control.hpp"
#include "client/format.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace ckpt::client {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kWidest = 160;

std::size_t width_of(std::FILE* out) {
  winsize size{};
  if (isatty(fileno(out)) == 0 || ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return kWidth;
  }
  return std::clamp<std::size_t>(size.ws_col, kWidth / 2, kWidest);
}

} // namespace

Session::Session(api::Environment env, Streams streams, bool json)
    : env_(std::move(env)), streams_(streams), json_(json) {
  if (json_) {
    output_ = make_json_output(streams_.out);
  } else {
    const bool colour = isatty(fileno(streams_.out)) != 0 && env_value("NO_COLOR").empty() &&
                        env_value("TERM") != "dumb";
    output_ = make_human_output(streams_.out, width_of(streams_.out), colour);
  }
}

std::string Session::env_value(const std::string& name) const {
  const auto found = env_.find(name);
  return found == env_.end() ? std::string() : found->second;
}

Result<api::Paths> Session::paths() const {
  return api::find_paths(env_);
}

Result<ApiClient*> Session::daemon() {
  if (daemon_) {
    return &*daemon_;
  }
  const auto where = paths();
  if (!where) {
    return tl::unexpected(where.error());
  }
  auto client = connect_or_start(*where, env_, [this](const std::string& line) { say(line); });
  if (!client) {
    return tl::unexpected(client.error());
  }
  return &daemon_.emplace(std::move(*client));
}

Result<ApiClient*> Session::running_daemon() {
  if (daemon_) {
    return &*daemon_;
  }
  const auto where = paths();
  if (!where) {
    return tl::unexpected(where.error());
  }
  auto client = connect_to_daemon(*where);
  if (!client) {
    return tl::unexpected(client.error());
  }
  return &daemon_.emplace(std::move(*client));
}

void Session::say(const std::string& line) {
  std::string text = "ckpt: " + line;
  if (text.find('\n') == std::string::npos) {
    text = wrapped(text, width_of(streams_.err), 6);
  }
  (void)std::fprintf(streams_.err, "%s\n", printable(text).c_str());
  (void)std::fflush(streams_.err);
}

int Session::fail(const Error& error) {
  say(error.message);
  if (!error.advice.empty()) {
    const std::string text = wrapped("  " + error.advice, width_of(streams_.err), 2);
    (void)std::fprintf(streams_.err, "%s\n", printable(text).c_str());
  }
  output_->error(error);
  return api::exit_status(error.cls);
}

} // namespace ckpt::client
