#pragma once

#include "client/session.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// What submit and sbatch do with a job array.

namespace ckpt::client {

/// Makes it, and waits up to `patience` until the scheduler has given it a number: what is returned
/// tells as much as was known then. Errors: those of the call; `timed_out` never.
Result<api::ArrayView>
submit_array(Session& session, const api::ArrayRequest& request, Duration patience);

/// With --wait: the highest status of its tasks, as sbatch.
int wait_for_end(Session& session, const api::ArrayView& array);

/// "24"; empty while it has none.
std::string number_of(const api::ArrayView& array);

/// "2 running, 1 queued, 1 completed". Pure.
std::string states_text(const std::vector<api::JobView>& jobs);
/// Of the numbers of jobs by state. Pure.
std::string states_text(const std::map<std::string, std::int64_t>& counts);

/// What an answer without a job becomes where `selector` is an array's name or number: its tasks,
/// what lists them, and how `verb` is told of all of them (empty: it takes one job). Where another
/// cluster has such a job, that. Else unchanged.
Error with_tasks(Session& session,
                 const std::string& selector,
                 Error error,
                 const std::string& verb = "");

/// "200 tasks submitted as j-7 … j-206", and what shows and ends them: lines for people.
std::string text_of_submitted(const api::ArrayView& array);

} // namespace ckpt::client
