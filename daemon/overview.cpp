#include "core/domain/machines.hpp"
#include "daemon/accounting.hpp"
#include "daemon/commands.hpp"

#include <algorithm>

// What the whole cluster and all jobs together look like.

namespace ckpt::daemon {
namespace {

constexpr Duration kNodesStayFresh = seconds{30};

void add(api::TotalsView& total, const JobModel& model, TimePoint now) {
  const api::AccountingView one = accounting_of(model, now);
  total.run += one.run;
  total.lost += one.lost;
  total.checkpoint += one.checkpoint;
  total.queue += one.queue;
  total.saved += saved_of(model, now);
}

std::string outcome_of(GenerationState state) {
  switch (state) {
  case GenerationState::sealed:
  case GenerationState::pruned:
    return "sealed";
  case GenerationState::failed:
    return "failed";
  case GenerationState::corrupt:
    return "corrupt";
  case GenerationState::requested:
  case GenerationState::writing:
  case GenerationState::verifying:
    break;
  }
  return "open";
}

} // namespace

bool Commands::nodes_are_fresh() {
  return nodes_at_ && reconciler_.ports().clock.monotonic() - *nodes_at_ < kNodesStayFresh;
}

void Commands::ask_for_nodes() {
  if (asking_nodes_ || nodes_are_fresh()) {
    return;
  }
  asking_nodes_ = true;
  auto answer = std::make_shared<Result<std::vector<scheduler::NodeFacts>>>();
  reconciler_.ports().executor.run(
      [answer, &scheduler = reconciler_.ports().scheduler] { *answer = scheduler.nodes(); },
      [this, answer] {
        asking_nodes_ = false;
        nodes_at_ = reconciler_.ports().clock.monotonic();
        if (*answer) {
          nodes_ = **std::move(answer);
        }
        reconciler_.changed();
      });
}

Result<std::vector<api::NodeView>> Commands::nodes() {
  const auto known = reconciler_.ports().registry.nodes();
  if (!known) {
    return tl::unexpected(known.error());
  }
  std::map<std::string, api::NodeView> views;
  for (const scheduler::NodeFacts& facts : nodes_) {
    api::NodeView& view = views[facts.name];
    view.state = facts.state;
    view.reason = facts.reason;
    view.partitions = facts.partitions;
  }
  for (const Registry::NodeRow& row : *known) {
    api::NodeView& view = views[row.name];
    view.attempts_count = static_cast<int>(row.attempts);
    view.refusals_count = static_cast<int>(row.refusals);
    view.last_refusal = row.last_refusal;
    view.last_seen_at = row.last_seen_at;
  }
  for (const auto& [id, job] : reconciler_.jobs()) {
    const AttemptRow* newest = job->model.newest_attempt();
    if (newest != nullptr && newest->live() && !newest->node.empty()) {
      views[newest->node].jobs.push_back(id.str());
    }
  }
  std::vector<api::NodeView> sorted;
  for (auto& [name, view] : views) {
    view.name = name;
    sorted.push_back(std::move(view));
  }
  return sorted;
}

Result<api::StatsView> Commands::stats() {
  Registry& registry = reconciler_.ports().registry;
  const auto counts = registry.count_by_state();
  const auto all = registry.query({.states = {}, .tags = {}, .after = {}, .limit = -1});
  if (!counts || !all) {
    return tl::unexpected(counts ? all.error() : counts.error());
  }
  const TimePoint now = reconciler_.ports().clock.now();
  api::StatsView view;
  for (const JobState state : Words<JobState>::kAll) {
    const auto found = counts->find(state);
    view.jobs[std::string(word(state))] = found == counts->end() ? 0 : found->second;
  }
  std::map<std::pair<Trigger, std::string>, std::int64_t> checkpoints;
  for (const JobModel& model : *all) {
    add(view.accounting, model, now);
    for (const auto& [id, row] : model.generations) {
      ++checkpoints[{row.trigger, outcome_of(row.state)}];
      if (row.sealed_at && row.blocked) {
        ++view.blocked.count;
        view.blocked.sum += *row.blocked;
        view.blocked.max = std::max(view.blocked.max, *row.blocked);
      }
      if (row.state == GenerationState::sealed) {
        view.raw_bytes += row.bytes.value_or(0);
        view.stored_bytes += row.stored_bytes.value_or(0);
      }
    }
  }
  for (const auto& [what, count] : checkpoints) {
    view.checkpoints.push_back({what.first, what.second, count});
  }
  return view;
}

Result<MetricsInput> Commands::metrics_input() {
  MetricsInput input;
  auto all = stats();
  const auto sizes = reconciler_.ports().registry.checkpoint_sizes();
  if (!all || !sizes) {
    return tl::unexpected(all ? sizes.error() : all.error());
  }
  input.stats = *std::move(all);
  for (const Registry::CheckpointSize& one : *sizes) {
    input.blocked_seconds.add(static_cast<double>(one.blocked.count()) / 1000);
    input.checkpoint_bytes.add(static_cast<double>(one.bytes));
  }
  input.figures = reconciler_.figures();
  return input;
}

} // namespace ckpt::daemon
