#include "core/base/log.hpp"
#include "core/domain/machines.hpp"
#include "daemon/reconciler.hpp"

// What the verification has found. The mark in the generation's folder is the durable fact, and is
// there before: a runner that starts meanwhile passes the generation over.

namespace ckpt::daemon {

LiveJob* Reconciler::take_up(JobId id) {
  if (LiveJob* job = find(id)) {
    return job;
  }
  auto model = ports_.registry.load(id);
  if (!model || !*model) {
    return nullptr; // its folder tells when it is taken up
  }
  const auto adopted = adopt(**std::move(model));
  if (!adopted) {
    log::warning(id.str() + ": " + adopted.error().message);
    return nullptr;
  }
  return *adopted;
}

void Reconciler::found_good(JobId id, GenerationId generation, TimePoint at) {
  LiveJob* job = take_up(id);
  if (job == nullptr || !job->model.generations.contains(generation)) {
    return;
  }
  job->model.generations[generation].verified_at = at;
  Change change;
  change.generations.insert(generation);
  std::ignore = commit(*job, change);
}

void Reconciler::found_corrupt(JobId id, GenerationId generation, const std::string& problem) {
  LiveJob* job = take_up(id);
  if (job == nullptr) {
    return;
  }
  const auto row = job->model.generations.find(generation);
  if (row == job->model.generations.end() || row->second.state != GenerationState::sealed) {
    return;
  }
  row->second.state = GenerationState::corrupt;
  row->second.reason = problem;
  Change change;
  change.generations.insert(generation);
  EventRow event;
  event.at = wall();
  event.type = "generation_corrupt";
  event.attempt = row->second.attempt;
  event.generation = generation;
  event.message = generation.str() + " was read again and is not what was sealed: " + problem +
                  "; it will not be restarted from";
  event.by = "daemon";
  event.source = "daemon";
  change.events.push_back(std::move(event));
  std::ignore = commit(*job, change);
}

std::vector<Reconciler::CorruptNewest> Reconciler::corrupt_newest() const {
  std::vector<CorruptNewest> found;
  for (const auto& [id, job] : jobs_) {
    if (is_final(job->model.job.state)) {
      continue;
    }
    const GenerationRow* newest = nullptr;
    for (const auto& [number, row] : job->model.generations) {
      if (row.state == GenerationState::sealed || row.state == GenerationState::corrupt) {
        newest = &row;
      }
    }
    if (newest != nullptr && newest->state == GenerationState::corrupt) {
      found.push_back({id, newest->id, newest->reason});
    }
  }
  return found;
}

} // namespace ckpt::daemon
