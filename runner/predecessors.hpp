#pragma once

#include "core/base/clock.hpp"
#include "core/store/job_folder.hpp"
#include "runner/context.hpp"

#include <functional>

namespace ckpt::runner {

/// Blocks until no earlier attempt can run its program any more: each has its `ended` event or a
/// result, or is provably dead on this host and boot, or its lease was seen unchanged for L on our
/// monotonic clock. Then ends what earlier attempts left on this host. `report` hears once why it
/// waits; `give_up` ends it early (`interrupted`). Other errors: the claims could not be read.
Status wait_for_predecessors(const Context& context,
                             AttemptId ours,
                             Clock& clock,
                             const std::function<void(std::string)>& report,
                             const std::function<bool()>& give_up);

} // namespace ckpt::runner
