#include "daemon/use_cases.hpp"

#include "daemon/checkpoint_progress.hpp"

#include <algorithm>
#include <optional>

namespace ckpt::daemon {

DaemonUseCases::DaemonUseCases(LoopGate& gate,
                               Commands& commands,
                               std::function<Result<api::StatusView>()> status,
                               Around around,
                               Duration submit_patience)
    : gate_(gate), commands_(commands), status_(std::move(status)), around_(std::move(around)),
      submit_patience_(submit_patience) {}

Result<api::StatusView> DaemonUseCases::status() {
  return gate_.call(status_);
}

Result<api::JobView> DaemonUseCases::submit(const api::SubmitRequest& request) {
  const auto id = gate_.call([this, request] { return commands_.submit(request); }, seconds{60});
  if (!id) {
    return tl::unexpected(id.error());
  }
  return view_of_new(*id);
}

Result<api::JobView> DaemonUseCases::view_of_new(JobId id) {
  // The job is durable. Who typed a wrong partition wants to know it now; a scheduler that is slow
  // or down is another matter: the job is submitted when it answers.
  const auto settled = gate_.wait_until(
      [this, job = id] { return commands_.submission_settled(job); }, submit_patience_);
  if (!settled && settled.error().code == "sbatch_refused") {
    return tl::unexpected(settled.error());
  }
  return gate_.call([this, job = id] { return commands_.view(job); });
}

Result<api::Page<api::JobView>> DaemonUseCases::list_jobs(const api::JobFilter& filter) {
  return gate_.call([this, filter] { return commands_.list(filter); });
}

Result<api::JobView> DaemonUseCases::get_job(const std::string& selector) {
  return with_job(selector, [this](JobId id) { return commands_.view(id); });
}

Result<std::vector<api::AttemptView>> DaemonUseCases::attempts(const std::string& selector) {
  return with_job(selector, [this](JobId id) { return commands_.attempts(id); });
}

Result<std::vector<api::GenerationView>> DaemonUseCases::generations(const std::string& selector) {
  return with_job(selector, [this](JobId id) { return commands_.generations(id); });
}

Result<api::GenerationView> DaemonUseCases::generation(const std::string& selector,
                                                       GenerationId generation) {
  auto work = std::make_shared<std::optional<CheckpointInWork>>();
  auto view = with_job(selector, [=, this](JobId id) -> Result<api::GenerationView> {
    auto found = commands_.generation(id, generation);
    if (found && found->state == GenerationState::writing && found->attempt &&
        found->requested_at) {
      *work = CheckpointInWork{commands_.store().job(id).attempt(*found->attempt).images(),
                               *found->requested_at,
                               commands_.bytes_before(id, generation),
                               commands_.store().job(id).path(),
                               generation};
    }
    return found;
  });
  if (view && *work) {
    view->progress = progress_of(**work);
  }
  return view;
}

Result<std::vector<api::ProcessView>> DaemonUseCases::processes(const std::string& selector) {
  return with_job(selector, [this](JobId id) { return commands_.processes(id); });
}

Result<std::vector<api::CoordinatorView>> DaemonUseCases::coordinators() {
  return gate_.call([this] { return commands_.coordinators(); });
}

Result<api::GenerationView> DaemonUseCases::checkpoint(const std::string& selector,
                                                       const api::CheckpointRequest& request) {
  const auto pending =
      with_job(selector, [this, request](JobId id) { return commands_.checkpoint(id, request); });
  if (!pending) {
    return tl::unexpected(pending.error());
  }
  auto result = std::make_shared<std::optional<api::GenerationView>>();
  const auto done = gate_.wait_until(
      [this, result, wanted = *pending]() -> Result<bool> {
        const auto found = commands_.checkpoint_result(wanted);
        if (!found) {
          return tl::unexpected(found.error());
        }
        *result = *found;
        return found->has_value();
      },
      request.wait);
  if (!done) {
    return tl::unexpected(done.error());
  }
  if (*done) {
    return **result;
  }
  return gate_.call(
      [this, wanted = *pending] { return commands_.generation(wanted.job, wanted.generation); });
}

Result<api::JobView>
DaemonUseCases::view_when(JobId id, const std::vector<JobState>& states, Duration wait) {
  const auto reached = gate_.wait_until(
      [this, id, states]() -> Result<bool> {
        const auto view = commands_.view(id);
        if (!view) {
          return tl::unexpected(view.error());
        }
        return std::find(states.begin(), states.end(), view->state) != states.end();
      },
      wait);
  if (!reached) {
    return tl::unexpected(reached.error());
  }
  return gate_.call([this, id] { return commands_.view(id); });
}

namespace {

template <class Act> auto returning_id(Act act) {
  return [act](JobId id) -> Result<JobId> {
    const Status done = act(id);
    return done ? Result<JobId>(id) : tl::unexpected(done.error());
  };
}

const std::vector<JobState> kFinal{JobState::completed, JobState::failed, JobState::cancelled};
const std::vector<JobState> kParkedOrFinal{
    JobState::parked, JobState::completed, JobState::failed, JobState::cancelled};

} // namespace

Result<api::JobView> DaemonUseCases::stop(const std::string& selector,
                                          const api::StopRequest& request) {
  const auto id = with_job(
      selector, returning_id([this, request](JobId job) { return commands_.stop(job, request); }));
  return id ? view_when(*id, kParkedOrFinal, request.wait) : tl::unexpected(id.error());
}

Result<api::JobView> DaemonUseCases::restart(const std::string& selector,
                                             const api::RestartRequest& request) {
  const auto id = with_job(selector, returning_id([this, request](JobId job) {
                             return commands_.restart(job, request);
                           }));
  return id ? gate_.call([this, job = *id] { return commands_.view(job); })
            : tl::unexpected(id.error());
}

Result<api::JobView> DaemonUseCases::cancel(const std::string& selector,
                                            const api::CancelRequest& request) {
  const auto id =
      with_job(selector,
               returning_id([this, request](JobId job) { return commands_.cancel(job, request); }));
  return id ? view_when(*id, kFinal, request.wait) : tl::unexpected(id.error());
}

Result<api::EventPage> DaemonUseCases::events(const api::EventFilter& filter) {
  std::optional<JobId> job;
  if (filter.job) {
    const auto id = gate_.call([this, wanted = *filter.job] { return commands_.resolve(wanted); });
    if (!id) {
      return tl::unexpected(id.error());
    }
    job = *id;
  }
  auto page = std::make_shared<api::EventPage>();
  auto asked = std::make_shared<api::EventFilter>(filter);
  const auto found = gate_.wait_until(
      [this, page, asked, job]() -> Result<bool> {
        auto next = commands_.events(*asked, job);
        if (!next) {
          return tl::unexpected(next.error());
        }
        asked->after = next->last_seq; // "from now on" is fixed by the first look
        *page = *std::move(next);
        return !page->items.empty();
      },
      filter.wait);
  return found ? Result<api::EventPage>(*page) : tl::unexpected(found.error());
}

Result<api::OutputChunk> DaemonUseCases::output(const std::string& selector,
                                                const api::OutputRequest& request) {
  return with_job(selector, [this, request](JobId id) { return commands_.output(id, request); });
}

} // namespace ckpt::daemon
