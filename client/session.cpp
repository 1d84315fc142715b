#include "client/session.hpp"

#include "api/problem.hpp"
#include "client/daemon_control.hpp"
#include "client/format.hpp"
#include "core/base/strings.hpp"

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

/// Line by line. What is indented by four is a command to paste, and stays one line.
std::string fitted(const std::string& text, std::size_t width) {
  constexpr std::size_t kBehindName = 6; // "ckpt: "
  constexpr std::size_t kPasted = 4;
  std::string out;
  for (const std::string& line : split_lines(text)) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    out += out.empty() ? "" : "\n";
    out += indent >= kPasted ? line : wrapped(line, width, out.empty() ? kBehindName : indent + 2);
  }
  return out;
}

} // namespace

Session::Session(api::Environment env, Streams streams, bool json)
    : env_(std::move(env)), place_(env_), streams_(streams), json_(json) {
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
  return api::find_paths(place_);
}

std::vector<api::Paths> Session::other_places() const {
  const auto ours = paths();
  return ours ? api::other_places(place_, *ours) : std::vector<api::Paths>{};
}

void Session::use_cluster(const std::string& name) {
  place_["CKPTD_CLUSTER"] = name;
  chosen_ = true;
  const auto place = paths();
  const std::string usual = env_value("CKPTD_CLUSTER");
  const bool is_usual = place && (usual.empty() ? !place->beside() : usual == name);
  name_cluster(is_usual ? "" : name);
}

Status Session::use_scheduler(SchedulerKind kind) {
  const auto found = place_.find("CKPTD_CLUSTER");
  const std::string cluster = found == place_.end() ? "" : found->second;
  const bool local = kind == SchedulerKind::local;
  if (chosen_ && local != (cluster == api::kLocalCluster)) {
    return ckpt::fail(ErrorClass::usage,
                      "usage",
                      "the cluster '" + cluster + "' runs its jobs by " +
                          (local ? "Slurm" : "no Slurm") + ", and this one is to run by " +
                          std::string(word(kind)),
                      "Leave --cluster out.");
  }
  if (local) {
    use_cluster(api::kLocalCluster);
    return {};
  }
  place_["CKPTD_SCHEDULER"] = word(kind);
  if (cluster == api::kLocalCluster) {
    place_.erase("CKPTD_CLUSTER");
  }
  const auto place = paths();
  if (!place) {
    return tl::unexpected(place.error());
  }
  if (const auto usual = api::find_paths(env_); !usual || usual->state_dir != place->state_dir) {
    name_cluster(place->cluster);
  }
  return {};
}

void Session::name_cluster(const std::string& name) {
  named_ = name;
  output_->name_cluster(name);
}

Result<ApiClient*> Session::daemon() {
  if (daemon_) {
    return &*daemon_;
  }
  const auto where = paths();
  if (!where) {
    return tl::unexpected(where.error());
  }
  auto client = connect_or_start(*where, place_, [this](const std::string& line) { say(line); });
  if (!client) {
    return tl::unexpected(client.error());
  }
  return &daemon_.emplace(std::move(*client));
}

Result<ApiClient*> Session::start_daemon(const std::vector<std::string>& options) {
  const auto where = paths();
  if (!where) {
    return tl::unexpected(where.error());
  }
  auto client = client::start_daemon(
      *where, place_, [this](const std::string& line) { say(line); }, options);
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
  const std::string text = fitted("ckpt: " + in_cluster(line, named_), width_of(streams_.err));
  (void)std::fprintf(streams_.err, "%s\n", printable(text).c_str());
  (void)std::fflush(streams_.err);
}

int Session::fail(Error error) {
  error.message = in_cluster(error.message, named_);
  error.advice = in_cluster(error.advice, named_);
  say(error.message);
  if (!error.advice.empty()) {
    const std::string text = wrapped("  " + error.advice, width_of(streams_.err), 2);
    (void)std::fprintf(streams_.err, "%s\n", printable(text).c_str());
  }
  output_->error(error);
  return api::exit_status(error.cls);
}

} // namespace ckpt::client
