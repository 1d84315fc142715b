#pragma once

#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"
#include "runner/start_point.hpp"

#include <functional>
#include <vector>

namespace ckpt::runner {

/// A generation whose images were complete and on the disk when its attempt was killed, before the
/// seal: seals it under its number, so that `ours` can start from it. Only of the newest attempt
/// that ran its program: an older one's lies beside the lineage. One that cannot be sealed is
/// marked failed. The caller has waited for the predecessors. Blocking; `give_up` stops it and
/// leaves it as it was. Returns what happened, for the journal.
std::vector<store::AttemptEvent> seal_left_overs(const store::JobFolder& folder,
                                                 const std::vector<EarlierAttempt>& earlier,
                                                 AttemptId ours,
                                                 const std::function<bool()>& give_up);

/// Removes the images that attempts before `ours` have written and no sealed generation lists: of
/// failed generations, and of attempts that were killed while they wrote. After our start is
/// marked: from then on nobody can seal them. Blocking.
void remove_dead_images(const store::JobFolder& folder, AttemptId ours);

} // namespace ckpt::runner
