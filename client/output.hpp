#pragma once

#include "api/endpoint.hpp"
#include "api/overview.hpp"
#include "core/domain/result.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// How answers reach standard output: for people, or as exactly one JSON value in the API's shapes.

namespace ckpt::client {

/// How a job that ended or was parked is told by `wait` and `run`.
struct JobResult {
  api::JobView job;
  int exit_status = 0;
  bool from_program = false; ///< `origin`: program, else ckpt
};

/// What `doctor` found.
struct Finding {
  enum class Level { ok, note, problem };
  Level level = Level::ok;
  std::string code;
  std::string message;
  std::string advice;
};

/// A line of `config show`.
struct SettingLine {
  std::string key;
  std::string value; ///< empty: not set
  std::string unset; ///< what applies then
  std::string origin;
};

/// A job with more checkpoints than its policy keeps, which only its runner may remove.
struct Holding {
  JobId job;
  bool runs = false; ///< else its runner has only just left
  int sealed = 0;    ///< and not pinned
  int keep = 0;
};

struct JobDetails {
  api::JobView job;
  std::vector<api::AttemptView> attempts;
  std::vector<api::GenerationView> generations;
  std::vector<std::string> last_lines; ///< of a failed program's output, where asked for
};

class Output {
public:
  virtual ~Output() = default;
  virtual void submitted(const api::JobView& job) = 0;
  virtual void submitted(const api::ArrayView& array) = 0;
  /// `if_none`: what people read where there is none.
  virtual void jobs(const std::vector<api::JobView>& jobs, const std::string& if_none) = 0;
  virtual void details(const JobDetails& details) = 0;
  virtual void removed(const std::vector<api::JobView>& jobs) = 0;
  /// After an action on one or several jobs; `done` is the word for people ("cancelled").
  /// `aim`: the state that it was to bring about, if it was one; a job may have ended otherwise
  /// before.
  virtual void acted(const std::vector<api::JobView>& jobs,
                     const std::string& done,
                     std::optional<JobState> aim) = 0;
  virtual void checkpoints(const std::vector<api::GenerationView>& generations) = 0;
  virtual void generation_acted(const api::GenerationView& generation, const std::string& done) = 0;
  virtual void verified(const std::vector<api::GenerationView>& generations) = 0;
  virtual void policy_changed(const api::JobView& job) = 0;
  /// `holding`: who has more than --keep, and cannot be helped now.
  virtual void pruned(const std::vector<api::PrunedView>& pruned,
                      const std::vector<Holding>& holding,
                      bool dry_run) = 0;
  virtual void nodes(const std::vector<api::NodeView>& nodes) = 0;
  virtual void stats(const api::StatsView& stats) = 0;
  virtual void why(const JobDetails& details) = 0;
  virtual void results(const std::vector<JobResult>& results) = 0;
  /// `attempts` tell which of them were abandoned.
  virtual void generations(const std::vector<api::GenerationView>& generations,
                           const std::vector<api::AttemptView>& attempts) = 0;
  virtual void processes(const std::vector<api::ProcessView>& processes) = 0;
  virtual void coordinators(const std::vector<api::CoordinatorView>& coordinators) = 0;
  virtual void events(const api::EventPage& page) = 0; ///< with JSON: once
  virtual void status(const api::StatusView& status) = 0;
  virtual void settings(const std::vector<SettingLine>& settings) = 0;
  virtual void findings(const std::vector<Finding>& findings) = 0;
  /// Name and value; an empty value is null in JSON.
  virtual void pairs(const std::vector<std::pair<std::string, std::string>>& pairs) = 0;
  virtual void error(const Error& error) = 0; ///< JSON only; people read standard error
  /// Commands in the text for people have to name this cluster (empty: none).
  void name_cluster(std::string name) { cluster_ = std::move(name); }

protected:
  const std::string& cluster() const { return cluster_; }

private:
  std::string cluster_;
};

/// `rows`: of a screen, on which the details of a job have to fit; 0: they may be of any length.
std::unique_ptr<Output>
make_human_output(std::FILE* out, std::size_t width, bool colour, std::size_t rows = 0);
std::unique_ptr<Output> make_json_output(std::FILE* out);

} // namespace ckpt::client
