#pragma once

#include "client/progress.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ckpt::client {

/// "writing j-2 g3", whatever the job was called on the command line. Pure.
std::string writing_text(const api::GenerationView& generation);

/// Shows on a terminal how far the checkpoint of a job is that is being written, while the caller
/// waits for it. Asks by a thread and a connection of its own; does nothing where nobody looks.
class Onlooker {
public:
  Onlooker(Session& session, const ApiClient& daemon, std::string job);
  ~Onlooker();
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;

private:
  void look(ApiClient& daemon, const std::string& job);

  Progress progress_; ///< of the thread alone, while there is one
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false; ///< guarded by mutex_
  std::thread thread_;
};

} // namespace ckpt::client
