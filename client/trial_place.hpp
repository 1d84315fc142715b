#pragma once

#include "client/daemon_control.hpp"
#include "client/session.hpp"
#include "core/base/files.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ckpt::client {

/// A daemon, a store and jobs that nobody else sees; gone with this object. Blocking; one thread.
class TrialPlace {
public:
  static Result<std::unique_ptr<TrialPlace>> make(Session& session) {
    std::error_code error;
    const Path root = std::filesystem::temp_directory_path(error);
    auto place =
        std::unique_ptr<TrialPlace>(new TrialPlace(root / ("ckpt-trial-" + random_hex(6))));
    if (const auto made = make_directory_exclusively(place->folder_); !made) {
      return tl::unexpected(made.error());
    }
    api::Environment env = session.env();
    env.erase("CKPTD_CLUSTER");
    env["CKPTD_STATE_DIR"] = (place->folder_ / "state").string();
    env["CKPTD_STORE"] = (place->folder_ / "store").string();
    env["CKPTD_SCHEDULER"] = "local";
    const auto paths = api::find_paths(env);
    if (!paths) {
      return tl::unexpected(paths.error());
    }
    place->paths_ = *paths;
    auto client = start_daemon(*paths, env, [](const std::string&) {});
    if (!client) {
      return tl::unexpected(client.error());
    }
    place->client_.emplace(std::move(*client));
    return place;
  }

  ~TrialPlace() {
    if (client_) {
      for (const std::string& job : jobs_) {
        std::ignore = client_->cancel(job, seconds{20});
      }
      std::ignore = stop_daemon(paths_);
    }
    std::ignore = remove_tree(folder_);
  }
  TrialPlace(const TrialPlace&) = delete;
  TrialPlace& operator=(const TrialPlace&) = delete;

  ApiClient& client() { return *client_; }
  const Path& folder() const { return folder_; }

  Result<std::string> submit(api::SubmitRequest request, const std::string& name) {
    request.spec.name = name;
    request.scheduler = SchedulerKind::local;
    request.spec.stdout_path = output(name).string();
    request.spec.stderr_path = (folder_ / (name + ".err")).string();
    auto job = client_->submit(request);
    if (!job) {
      return tl::unexpected(job.error());
    }
    jobs_.push_back(job->id.str());
    return jobs_.back();
  }
  Path output(const std::string& name) const { return folder_ / (name + ".out"); }
  std::string output_text(const std::string& name) const {
    return read_end_of_file(output(name), kMostOutput);
  }
  /// What the program said at last: of its standard error, else of its output.
  std::vector<std::string> last_lines(const std::string& name) const {
    constexpr std::size_t kSome = 4096;
    auto lines = end_of_text(read_end_of_file(folder_ / (name + ".err"), kSome));
    return lines.empty() ? end_of_text(read_end_of_file(output(name), kSome)) : lines;
  }

private:
  static constexpr std::size_t kMostOutput = std::size_t{16} << 20U;
  explicit TrialPlace(Path folder) : folder_(std::move(folder)) {}
  Path folder_;
  api::Paths paths_;
  std::optional<ApiClient> client_;
  std::vector<std::string> jobs_;
};

} // namespace ckpt::client
