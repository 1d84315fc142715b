#include "core/base/log.hpp"
#include "core/store/array_folder.hpp"
#include "core/store/generations.hpp"
#include "daemon/use_cases.hpp"
#include "daemon/verifier.hpp"

#include <memory>

// The use cases about jobs and generations that neither start nor end them. What reads or removes
// folders does so here, on the HTTP thread; what decides is on the loop.

namespace ckpt::daemon {
namespace {

constexpr Duration kTidyPatience = seconds{15};  ///< for the last runner of a job that is over
constexpr Duration kNodesPatience = seconds{25}; ///< a scheduler that is down takes its time

using OnDisk = std::vector<store::GenerationOnDisk>;

Result<OnDisk> read_generations(const Path& folder) {
  return store::Generations(folder).list();
}

} // namespace

Result<api::JobView> DaemonUseCases::act_on_job(const std::string& selector,
                                                const std::function<Status(JobId)>& act) {
  return with_job(selector, [this, act](JobId id) -> Result<api::JobView> {
    if (const Status done = act(id); !done) {
      return tl::unexpected(done.error());
    }
    return commands_.view(id);
  });
}

Result<api::JobView> DaemonUseCases::hold(const std::string& selector,
                                          const api::ActionRequest& request) {
  return act_on_job(selector,
                    [this, request](JobId id) { return commands_.hold(id, true, request); });
}

Result<api::JobView> DaemonUseCases::release(const std::string& selector,
                                             const api::ActionRequest& request) {
  return act_on_job(selector,
                    [this, request](JobId id) { return commands_.hold(id, false, request); });
}

Result<api::JobView> DaemonUseCases::requeue(const std::string& selector,
                                             const api::ActionRequest& request) {
  return act_on_job(selector, [this, request](JobId id) { return commands_.requeue(id, request); });
}

Result<api::JobView> DaemonUseCases::change_policy(const std::string& selector,
                                                   const api::PolicyRequest& request) {
  return act_on_job(selector,
                    [this, request](JobId id) { return commands_.change_policy(id, request); });
}

Result<api::GenerationView>
DaemonUseCases::pin(const std::string& selector, GenerationId generation, bool pinned) {
  return with_job(selector, [=, this](JobId id) -> Result<api::GenerationView> {
    if (const Status done = commands_.pin(id, generation, pinned); !done) {
      return tl::unexpected(done.error());
    }
    return commands_.generation(id, generation);
  });
}

Status DaemonUseCases::remove_job(const std::string& selector) {
  const auto id = with_job(selector, [](JobId job) { return Result<JobId>(job); });
  if (!id) {
    return tl::unexpected(id.error());
  }
  const auto refusal = std::make_shared<Error>();
  const auto free = gate_.wait_until(
      [this, job = *id, refusal]() -> Result<bool> {
        const Status fine = commands_.may_be_removed(job);
        if (!fine && fine.error().code != "job_busy") {
          return tl::unexpected(fine.error());
        }
        *refusal = fine ? Error{} : fine.error();
        return fine.has_value();
      },
      kTidyPatience);
  if (!free || !*free) {
    return tl::unexpected(free ? *refusal : free.error());
  }
  const auto spec = commands_.store().job(*id).read_spec();
  const Status removed = commands_.store().bury_job(*id);
  if (removed && spec && spec->array) {
    const store::ArrayFolder array(commands_.store().root(), spec->array->token);
    if (const Status forgotten = array.forget_task(spec->array->index); !forgotten) {
      log::warning(forgotten.error().message); // the next start sweeps it
    }
  }
  const auto forgotten =
      gate_.call([this, job = *id, gone = removed.has_value()]() -> Result<bool> {
        const Status done = commands_.forget(job, gone);
        return done ? Result<bool>(true) : tl::unexpected(done.error());
      });
  if (!removed) {
    return removed;
  }
  return forgotten ? Status{} : tl::unexpected(forgotten.error());
}

Result<api::GenerationView> DaemonUseCases::remove_generation(const std::string& selector,
                                                              GenerationId generation) {
  const auto id = with_job(selector, [](JobId job) { return Result<JobId>(job); });
  if (!id) {
    return tl::unexpected(id.error());
  }
  const auto all = read_generations(commands_.store().job(*id).path());
  if (!all) {
    return tl::unexpected(all.error());
  }
  return gate_.call([this, job = *id, generation, all = *all]() -> Result<api::GenerationView> {
    if (const Status done = commands_.remove_generation(job, generation, all); !done) {
      return tl::unexpected(done.error());
    }
    return commands_.generation(job, generation);
  });
}

Result<std::vector<api::PrunedView>> DaemonUseCases::prune(const api::PruneRequest& request) {
  const auto ids =
      request.job
          ? with_job(*request.job,
                     [](JobId id) { return Result<std::vector<JobId>>(std::vector<JobId>{id}); })
          : gate_.call([this] { return commands_.all_jobs(); });
  if (!ids) {
    return tl::unexpected(ids.error());
  }
  std::vector<api::PrunedView> pruned;
  for (const JobId id : *ids) {
    const auto all = read_generations(commands_.store().job(id).path());
    if (!all) {
      return tl::unexpected(all.error());
    }
    const auto of_job = gate_.call([this, id, all = *all, dry_run = request.dry_run]()
                                       -> Result<std::vector<api::PrunedView>> {
      auto views = commands_.prunable(id, all);
      if (views && !views->empty() && !dry_run) {
        if (const Status done = commands_.prune(id, all); !done) {
          return tl::unexpected(done.error());
        }
      }
      return views;
    });
    if (!of_job) {
      return tl::unexpected(of_job.error());
    }
    pruned.insert(pruned.end(), of_job->begin(), of_job->end());
  }
  return pruned;
}

Result<api::GenerationView>
DaemonUseCases::verify(const std::string& selector, GenerationId generation, Duration wait) {
  Verifier* verifier = around_.verifier();
  const auto began = with_job(selector, [=, this](JobId id) -> Result<api::GenerationView> {
    auto view = commands_.generation(id, generation);
    if (view && view->state != GenerationState::sealed) {
      return fail(ErrorClass::conflict,
                  "generation_not_sealed",
                  generation.str() + " is " + std::string(word(view->state)) +
                      (view->reason.empty() ? "" : ": " + view->reason),
                  "`ckpt gens " + id.str() + "` shows which are sealed");
    }
    if (view && verifier != nullptr) {
      verifier->ask(id, generation);
    }
    return view;
  });
  if (!began || verifier == nullptr) {
    return began ? fail(ErrorClass::no_daemon, "daemon_stopping", "the daemon is shutting down")
                 : began;
  }
  const JobId id = began->job;
  const auto done =
      gate_.wait_until([=]() -> Result<bool> { return !verifier->progress(id, generation); }, wait);
  if (!done) {
    return tl::unexpected(done.error());
  }
  auto view = gate_.call([=, this] { return commands_.generation(id, generation); });
  if (const auto read = verifier->progress(id, generation); view && read) {
    view->progress = api::ProgressView{"verifying", *read, view->stored_bytes};
  } else if (const auto trouble = verifier->trouble(id, generation)) {
    return tl::unexpected(*trouble);
  }
  return view;
}

Result<std::vector<api::NodeView>> DaemonUseCases::nodes() {
  const auto asked = gate_.wait_until(
      [this]() -> Result<bool> {
        commands_.ask_for_nodes();
        return commands_.nodes_are_fresh();
      },
      kNodesPatience);
  return asked ? gate_.call([this] { return commands_.nodes(); }) : tl::unexpected(asked.error());
}

Result<api::StatsView> DaemonUseCases::stats() {
  return gate_.call([this] { return commands_.stats(); });
}

Result<std::string> DaemonUseCases::metrics() {
  auto input = gate_.call([this]() -> Result<MetricsInput> {
    auto found = commands_.metrics_input();
    const auto status = status_();
    if (!found || !status) {
      return found ? tl::unexpected(status.error()) : found;
    }
    found->version = status->daemon.version;
    found->started_at = status->daemon.started_at;
    found->scheduler_up = status->scheduler.up;
    found->degraded = status->degraded.size();
    return found;
  });
  if (!input) {
    return tl::unexpected(input.error());
  }
  around_.figures(input->figures);
  return metrics_text(*input);
}

} // namespace ckpt::daemon
