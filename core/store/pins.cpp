#include "core/store/pins.hpp"

#include "core/store/journal.hpp"

namespace ckpt::store {

Result<std::set<GenerationId>> pinned_generations(const JobFolder& folder) {
  const auto batch = read_job_events(folder.job_journal());
  if (!batch) {
    return tl::unexpected<Error>(batch.error());
  }
  if (batch->damaged) {
    return fail(ErrorClass::failed,
                "journal_damaged",
                folder.job_journal().string() + " cannot be read to its end");
  }
  std::set<GenerationId> pinned;
  for (const JobEvent& event : batch->events) {
    if (event.generation && event.kind == JobEventKind::pinned) {
      pinned.insert(*event.generation);
    } else if (event.generation && event.kind == JobEventKind::unpinned) {
      pinned.erase(*event.generation);
    }
  }
  return pinned;
}

} // namespace ckpt::store
