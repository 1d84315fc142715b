#include "core/domain/array.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace ckpt {
namespace {

constexpr std::int64_t kLargestIndex = 4'000'000; // Slurm's own bound, whatever its MaxArraySize
constexpr std::size_t kMostShown = 100'000;       // tasks in one line of Slurm's

tl::unexpected<Error> invalid(std::string_view text, const std::string& why) {
  return fail(ErrorClass::usage,
              "invalid_array",
              "'" + std::string(text) + "' is no list of array indexes: " + why,
              "write it as for sbatch: 1-200, 1,3,5 or 0-31:4, with %10 behind it for at most 10 "
              "at once");
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  const bool plain = !text.empty() && text.front() != '-';
  return whole && plain ? std::optional(value) : std::nullopt;
}

struct Range {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 1;
};

/// "7", "1-3" or "0-31:4".
std::optional<Range> parse_range(std::string_view text) {
  Range range;
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto step = number(text.substr(colon + 1));
    if (!step || *step < 1 || text.find('-') > colon) {
      return std::nullopt;
    }
    range.step = *step;
    text = text.substr(0, colon);
  }
  const std::size_t dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last > kLargestIndex) {
    return std::nullopt;
  }
  range.first = *first;
  range.last = *last;
  return range;
}

Result<IndexList> parse_list(std::string_view text, std::size_t most) {
  const std::string_view whole = text;
  IndexList list;
  if (const std::size_t percent = text.find('%'); percent != std::string_view::npos) {
    list.at_once = number(text.substr(percent + 1));
    if (!list.at_once || *list.at_once < 1) {
      return invalid(whole, "behind % stands how many may run at once");
    }
    text = text.substr(0, percent);
  }
  std::set<std::int64_t> indexes;
  for (;;) {
    const std::size_t comma = text.find(',');
    const auto range = parse_range(text.substr(0, comma));
    if (!range) {
      return invalid(whole,
                     "'" + std::string(text.substr(0, comma)) + "' is neither index nor range");
    }
    const auto wanted = static_cast<std::size_t>((range->last - range->first) / range->step) + 1;
    if (wanted > most || indexes.size() + wanted > 2 * most) {
      indexes.clear();
      break;
    }
    for (std::int64_t index = range->first; index <= range->last; index += range->step) {
      indexes.insert(index);
    }
    if (comma == std::string_view::npos) {
      break;
    }
    text = text.substr(comma + 1);
  }
  if (indexes.empty() || indexes.size() > most) {
    return fail(ErrorClass::usage,
                "array_too_large",
                "'" + std::string(whole) + "' are more than " + std::to_string(most) +
                    " tasks, and each is a job of its own here",
                "submit it in parts, or let each task do more");
  }
  list.indexes.assign(indexes.begin(), indexes.end());
  return list;
}

} // namespace

Result<IndexList> parse_indexes(std::string_view text) {
  return parse_list(text, kMostTasks);
}

std::string format_indexes(const std::vector<std::int64_t>& indexes,
                           const std::optional<std::int64_t>& at_once) {
  std::string text;
  for (std::size_t i = 0; i < indexes.size();) {
    std::size_t last = i;
    while (last + 1 < indexes.size() && indexes[last + 1] == indexes[last] + 1) {
      ++last;
    }
    text += (text.empty() ? "" : ",") + std::to_string(indexes[i]);
    if (last > i) {
      text += "-" + std::to_string(indexes[last]);
    }
    i = last + 1;
  }
  return at_once ? text + "%" + std::to_string(*at_once) : text;
}

std::vector<ArrayTask>
tasks_of(const IndexList& list, const SubmissionToken& token, const std::string& name) {
  std::vector<ArrayTask> tasks;
  for (const std::int64_t index : list.indexes) {
    ArrayTask task;
    task.token = token;
    task.name = name;
    task.index = index;
    task.count = static_cast<std::int64_t>(list.indexes.size());
    task.min = list.indexes.front();
    task.max = list.indexes.back();
    task.step = list.indexes.size() > 1 ? list.indexes[1] - list.indexes[0] : 1;
    task.at_once = list.at_once;
    tasks.push_back(std::move(task));
  }
  return tasks;
}

SubmissionToken task_token(const SubmissionToken& array, std::int64_t index) {
  return {array.value + "." + std::to_string(index)};
}

SchedulerJobId task_id(const SchedulerJobId& array, std::int64_t index) {
  return {array.value + "_" + std::to_string(index)};
}

std::optional<TaskOfId> task_of_id(const SchedulerJobId& id) {
  const std::size_t at = id.value.find('_');
  if (at == std::string::npos || at == 0) {
    return std::nullopt;
  }
  const auto index = number(std::string_view(id.value).substr(at + 1));
  return index ? std::optional(TaskOfId{{id.value.substr(0, at)}, *index}) : std::nullopt;
}

std::vector<SchedulerJobId> expand_task_ids(const SchedulerJobId& id) {
  const std::size_t open = id.value.find("_[");
  if (open == std::string::npos || !id.value.ends_with(']')) {
    return {id};
  }
  const std::string_view list =
      std::string_view(id.value).substr(open + 2, id.value.size() - open - 3);
  const auto indexes = parse_list(list, kMostShown);
  if (!indexes) {
    return {id};
  }
  std::vector<SchedulerJobId> ids;
  for (const std::int64_t index : indexes->indexes) {
    ids.push_back(task_id({id.value.substr(0, open)}, index));
  }
  return ids;
}

} // namespace ckpt
