#pragma once

#include "api/endpoint.hpp"
#include "client/api_client.hpp"
#include "client/output.hpp"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace ckpt::client {

/// What a verb has to work with: environment, output, daemon. One thread.
class Session {
public:
  struct Streams {
    std::FILE* out = stdout;
    std::FILE* err = stderr;
  };
  Session(api::Environment env, Streams streams, bool json);

  const api::Environment& env() const { return env_; }
  std::string env_value(const std::string& name) const;
  bool json() const { return json_; }
  Output& out() { return *output_; }
  std::FILE* raw_out() const { return streams_.out; }

  Result<api::Paths> paths() const;
  /// The other clusters' places; see api::other_places.
  std::vector<api::Paths> other_places() const;
  /// From now on all is about this cluster, and the commands that messages name say so. Not to be
  /// changed once a daemon was asked for.
  void use_cluster(const std::string& name);
  /// Which commands in messages have to name; empty: the usual one.
  const std::string& named_cluster() const { return named_; }
  bool cluster_is_chosen() const { return chosen_; } ///< by use_cluster
  /// The cluster whose daemon serves that scheduler on this machine.
  Status use_scheduler(SchedulerKind kind);
  /// A daemon of the place, started if need be, with `options` for ckptd.
  Result<ApiClient*> start_daemon(const std::vector<std::string>& options);
  /// The daemon, started if need be. The same object at every call.
  Result<ApiClient*> daemon();
  /// Only one that runs already.
  Result<ApiClient*> running_daemon();

  /// Forgets the connection; the next call to daemon() finds (or starts) it anew.
  void forget_daemon() { daemon_.reset(); }

  /// A line for the person, on standard error.
  void say(const std::string& line);
  /// Says what happened, why, and what to do; the exit status.
  int fail(Error error);

private:
  void name_cluster(const std::string& name);
  api::Environment env_;
  api::Environment place_; ///< env_, and what tells which daemon is meant
  bool chosen_ = false;
  std::string named_; ///< the cluster that commands in messages must name, or empty
  Streams streams_;
  bool json_;
  std::unique_ptr<Output> output_;
  std::optional<ApiClient> daemon_;
};

} // namespace ckpt::client
