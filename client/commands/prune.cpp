#include "client/commands/commands.hpp"
#include "client/selection.hpp"
#include "client/session.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  bool dry_run = false;
};

/// Who has more than its policy keeps, and is none of those that were looked after.
Result<std::vector<Holding>> holding_more(ApiClient& daemon,
                                          const std::string& only,
                                          const std::vector<api::PrunedView>& pruned) {
  std::vector<api::JobView> jobs;
  if (only.empty()) {
    api::JobFilter filter;
    filter.states = kUnfinished;
    auto all = daemon.all_jobs(filter);
    if (!all) {
      return tl::unexpected(all.error());
    }
    jobs = *std::move(all);
  } else {
    auto one = daemon.job(only);
    if (!one) {
      return tl::unexpected(one.error());
    }
    jobs.push_back(*std::move(one));
  }
  std::vector<Holding> holding;
  for (const api::JobView& job : jobs) {
    const bool seen = std::any_of(
        pruned.begin(), pruned.end(), [&](const auto& one) { return one.job == job.id; });
    if (seen || job.generations_count <= job.policy.keep) {
      continue;
    }
    const auto generations = daemon.generations(job.id.str());
    if (!generations) {
      return tl::unexpected(generations.error());
    }
    const auto sealed =
        std::count_if(generations->begin(), generations->end(), [](const auto& one) {
          return one.state == GenerationState::sealed && !one.pinned;
        });
    const bool runs = job.state == JobState::running || job.state == JobState::stopping;
    if (sealed > job.policy.keep) {
      holding.push_back({job.id, runs, static_cast<int>(sealed), job.policy.keep});
    }
  }
  return holding;
}

} // namespace

void add_prune(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("prune", "Remove now what --keep does not want, of jobs that do not run");
  verb.optional_argument("JOB", options->job, "Of this one only")
      .flag("--dry-run", options->dry_run, "Only say what would go");
  verb.footer(
      "A job that runs removes what is too much with its next checkpoint. `ckpt rm` removes "
      "whole\njobs.");
  verb.runs([options](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    api::PruneRequest request;
    request.job = options->job.empty() ? std::nullopt : std::optional(options->job);
    request.dry_run = options->dry_run;
    const auto pruned = (*daemon)->prune(request);
    if (!pruned) {
      return session.fail(pruned.error());
    }
    const auto holding = session.json() ? Result<std::vector<Holding>>{}
                                        : holding_more(**daemon, options->job, *pruned);
    if (!holding) {
      return session.fail(holding.error());
    }
    session.out().pruned(*pruned, *holding, options->dry_run);
    return 0;
  });
}

} // namespace ckpt::client
