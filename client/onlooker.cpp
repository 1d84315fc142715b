#include "client/onlooker.hpp"

namespace ckpt::client {

std::string writing_text(const api::GenerationView& generation) {
  return "writing " + generation.job.str() + " " + generation.id.str();
}

Onlooker::Onlooker(Session& session, const ApiClient& daemon, std::string job)
    : progress_(session) {
  if (progress_.is_shown()) {
    thread_ =
        std::thread([this, own = ApiClient(daemon.endpoint()), job = std::move(job)]() mutable {
          look(own, job);
        });
  }
}

Onlooker::~Onlooker() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Onlooker::look(ApiClient& daemon, const std::string& job) {
  constexpr milliseconds kPause{500};
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kPause, [this] { return over_; })) {
    lock.unlock(); // the answers may take their time
    const auto all = daemon.generations(job);
    for (const api::GenerationView& one : all.value_or(std::vector<api::GenerationView>{})) {
      const auto now = one.state == GenerationState::writing ? daemon.generation(job, one.id)
                                                             : Result<api::GenerationView>(one);
      if (now && now->progress) {
        progress_.show(writing_text(*now), *now->progress);
      }
    }
    lock.lock();
  }
}

} // namespace ckpt::client
