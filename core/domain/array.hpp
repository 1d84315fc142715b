#pragma once

#include "core/domain/job.hpp"
#include "core/domain/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Job arrays: index lists as sbatch takes them, and what the tasks of one array are told apart by.
// Pure.

namespace ckpt {

/// More are refused: each is a job with a folder and journals of its own.
inline constexpr std::size_t kMostTasks = 1000;

struct IndexList {
  std::vector<std::int64_t> indexes; ///< ascending, each once
  std::optional<std::int64_t> at_once;
  bool operator==(const IndexList&) const = default;
};

/// "1-200%10", "1,3,5", "0-31:4". Errors (usage): `invalid_array`, `array_too_large` above
/// kMostTasks.
Result<IndexList> parse_indexes(std::string_view text);

/// The shortest such list: "1-3,7%10".
std::string format_indexes(const std::vector<std::int64_t>& indexes,
                           const std::optional<std::int64_t>& at_once);

/// The tasks that the list asks for; `of` is set when the first job is made.
std::vector<ArrayTask>
tasks_of(const IndexList& list, const SubmissionToken& token, const std::string& name);

/// The token of one task's part in the array's submission: "T.7". No other token has a point in it.
SubmissionToken task_token(const SubmissionToken& array, std::int64_t index);

/// "24_7", as Slurm calls a task. (Its raw id, 29, is not used: the last task of an array has the
/// array's own for that, and what is asked of it would be asked of all.)
SchedulerJobId task_id(const SchedulerJobId& array, std::int64_t index);

struct TaskOfId {
  SchedulerJobId array;
  std::int64_t index = 0;
};
/// Of "24_7"; nothing of "24" and "24_[8-10%2]".
std::optional<TaskOfId> task_of_id(const SchedulerJobId& id);

/// "24_[8-10,12%2]", as Slurm shows tasks that have not begun, one by one. Anything else as it is.
std::vector<SchedulerJobId> expand_task_ids(const SchedulerJobId& id);

} // namespace ckpt
