#pragma once

#include "api/views.hpp"
#include "core/domain/lost_work.hpp"
#include "daemon/model.hpp"

// Where a job's time went, from its rows. Pure.

namespace ckpt::daemon {

/// Its attempts that ran and what they sealed; `now` is the end of what still runs.
Work work_of(const JobModel& model, TimePoint now);
api::AccountingView accounting_of(const JobModel& model, TimePoint now);
/// Work that the starts from a generation had behind them: not done again.
Duration saved_of(const JobModel& model, TimePoint now);

} // namespace ckpt::daemon
