// Invariants: a text of the user's (name, comment) cannot shift a field or fake a record; a word
// that we do not know is carried on, never taken for another.
#include "core/scheduler/slurm/parse.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/domain/array.hpp"

#include <algorithm>
#include <charconv>

namespace ckpt::scheduler::slurm {
namespace {

constexpr Duration kNoLimit = hours{365 * 24};

std::vector<std::string_view> split_by(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find(separator); at != std::string_view::npos;
       at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

template <class Number> std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// A number of seconds or days; nothing for one that no clock of ours can hold.
std::optional<std::int64_t> amount(std::string_view text) {
  constexpr std::int64_t kMost = 10'000'000'000; // seconds: three centuries
  const auto read = number<std::int64_t>(text);
  return read && *read >= 0 && *read <= kMost ? read : std::nullopt;
}

tl::unexpected<Error> unreadable(const std::string& tool, const std::string& what) {
  return fail(ErrorClass::unusable,
              "scheduler_unreadable",
              tool + " printed something that cannot be read: " + what,
              "check that " + tool + " on PATH is Slurm's own, and its version",
              Outcome::retryable);
}

std::string text_of(std::string_view field) {
  const bool nothing =
      field == "(null)" || field == "n/a" || field == "N/A" || field == "None assigned";
  return nothing ? std::string{} : std::string(field);
}

bool looks_like_id(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9' &&
         text.find_first_not_of("0123456789_+[]-,%") == std::string_view::npos;
}

bool waits(AllocationState state) {
  return state == AllocationState::pending || state == AllocationState::held;
}

/// Fields in the order of kQueueFields.
Allocation queue_record(const std::vector<std::string_view>& field) {
  Allocation allocation;
  allocation.id.value = std::string(field[0]);
  allocation.raw_state = std::string(field[1]);
  allocation.reason = field[2] == "None" ? std::string{} : std::string(field[2]);
  allocation.state = allocation_state_from_slurm(field[1], field[2]);
  allocation.restart_count = number<int>(field[3]).value_or(0);
  allocation.eligible_at = parse_time(field[4]);
  allocation.time_limit = parse_limit(field[7]);
  if (!waits(allocation.state)) { // before, Slurm shows the start that it expects
    allocation.started_at = parse_time(field[5]);
    if (allocation.time_limit || is_over(allocation.state)) {
      allocation.ends_at = parse_time(field[6]);
    }
    allocation.node = text_of(field[8]);
  }
  allocation.preempt_at = parse_time(field[9]);
  if (const auto raw = number<int>(field[10]); raw && is_over(allocation.state)) {
    const ExitStatus status = ExitStatus::from_wait_status(*raw);
    allocation.exit_code = status.code;
    allocation.signal = status.signal;
  }
  allocation.partition = text_of(field[11]);
  if (const auto requeue = number<int>(field[12])) {
    allocation.requeue_allowed = *requeue != 0;
  }
  allocation.name = text_of(field[13]);
  allocation.comment = text_of(field[14]);
  allocation.dependency = text_of(field[15]);
  return allocation;
}

/// Fields in the order of kAccountingFields.
Allocation accounting_record(const std::vector<std::string_view>& field) {
  Allocation allocation;
  allocation.id.value = std::string(field[0]);
  allocation.raw_state = std::string(field[1]);
  allocation.reason = field[2] == "None" ? std::string{} : std::string(field[2]);
  allocation.state = allocation_state_from_slurm(field[1], field[2]);
  const std::size_t colon = field[3].find(':');
  if (is_over(allocation.state) && colon != std::string_view::npos) {
    const auto signal = number<int>(field[3].substr(colon + 1)).value_or(0);
    if (signal != 0) {
      allocation.signal = signal;
    } else {
      allocation.exit_code = number<int>(field[3].substr(0, colon));
    }
  }
  allocation.eligible_at = parse_time(field[4]);
  allocation.started_at = parse_time(field[5]);
  allocation.ends_at = parse_time(field[6]);
  const std::string nodes = text_of(field[7]);
  allocation.node = nodes.find_first_of("[,") == std::string::npos ? nodes : std::string{};
  allocation.partition = text_of(field[8]);
  allocation.name = text_of(field[9]);
  allocation.comment = text_of(field[10]);
  return allocation;
}

} // namespace

Result<std::vector<Allocation>> parse_queue(std::string_view output, std::string_view separator) {
  std::vector<std::string_view> fields = split_by(output, separator);
  // After the last separator there is the line break of the last record, or nothing at all.
  if (!trim(fields.back()).empty() || (fields.size() - 1) % kQueueFields.size() != 0) {
    return unreadable("squeue", "'" + std::string(output.substr(0, 200)) + "'");
  }
  std::vector<Allocation> allocations;
  for (std::size_t at = 0; at + 1 < fields.size(); at += kQueueFields.size()) {
    std::vector<std::string_view> record(fields.begin() + static_cast<std::ptrdiff_t>(at),
                                         fields.begin() +
                                             static_cast<std::ptrdiff_t>(at + kQueueFields.size()));
    if (at > 0) {
      if (!record[0].starts_with('\n')) {
        return unreadable("squeue", "'" + std::string(record[0]) + "' where a line should begin");
      }
      record[0].remove_prefix(1);
    }
    if (!looks_like_id(record[0])) {
      return unreadable("squeue", "'" + std::string(record[0]) + "' is no job id");
    }
    const Allocation shown = queue_record(record);
    for (SchedulerJobId& id : expand_task_ids(shown.id)) {
      allocations.push_back(shown);
      allocations.back().id = std::move(id);
    }
  }
  return allocations;
}

Result<std::vector<Allocation>> parse_accounting(std::string_view output,
                                                 std::string_view separator) {
  std::vector<Allocation> allocations;
  // The separator does not stand at the end of a record: the last field of one and the first of the
  // next are one piece, parted by the last line break in it (an id holds none).
  std::vector<std::string_view> pieces = split_by(output, separator);
  if (trim(output).empty()) {
    return allocations;
  }
  constexpr std::size_t kStep = kAccountingFields.size() - 1;
  if (pieces.size() == 1 || (pieces.size() - 1) % kStep != 0) {
    return unreadable("sacct", "'" + std::string(output.substr(0, 200)) + "'");
  }
  std::map<std::string, std::size_t> index;
  std::string_view id = pieces.front();
  for (std::size_t at = 0; at + kStep < pieces.size(); at += kStep) {
    std::vector<std::string_view> record{id};
    for (std::size_t i = 1; i <= kStep; ++i) {
      record.push_back(pieces[at + i]);
    }
    const bool last = at + kStep + 1 == pieces.size();
    std::string_view& tail = record.back();
    if (last && tail.ends_with('\n')) {
      tail.remove_suffix(1);
    } else if (const std::size_t line = tail.rfind('\n'); !last && line != std::string_view::npos) {
      id = tail.substr(line + 1);
      tail = tail.substr(0, line);
    }
    if (!looks_like_id(record[0])) {
      return unreadable("sacct", "'" + std::string(record[0]) + "' is no job id");
    }
    const Allocation shown = accounting_record(record);
    for (SchedulerJobId& one : expand_task_ids(shown.id)) {
      Allocation allocation = shown;
      allocation.id = std::move(one);
      const auto [found, fresh] = index.emplace(allocation.id.value, allocations.size());
      if (fresh) {
        allocations.push_back(std::move(allocation));
      } else {
        Allocation& earlier = allocations[found->second];
        allocation.restart_count = earlier.restart_count + 1;
        earlier = std::move(allocation);
      }
    }
  }
  return allocations;
}

std::vector<NodeFacts> parse_nodes(std::string_view output, std::string_view separator) {
  std::map<std::string, NodeFacts> nodes;
  const std::vector<std::string_view> fields = split_by(output, separator);
  constexpr std::size_t kFields = 4; // name, state, reason, partition
  for (std::size_t at = 0; at + kFields < fields.size(); at += kFields) {
    const std::string name{trim(fields[at])};
    NodeFacts& node = nodes[name];
    node.name = name;
    node.state = fields[at + 1];
    node.reason = fields[at + 2] == "none" ? "" : fields[at + 2];
    node.partitions.emplace_back(fields[at + 3]);
  }
  std::vector<NodeFacts> sorted;
  for (auto& [name, node] : nodes) {
    sorted.push_back(std::move(node));
  }
  return sorted;
}

std::map<std::string, std::string> parse_leaving_nodes(std::string_view output,
                                                       std::string_view separator) {
  std::map<std::string, std::string> leaving;
  const std::vector<std::string_view> fields = split_by(output, separator);
  constexpr std::size_t kFields = 3; // name, state, reason
  for (std::size_t at = 0; at + kFields < fields.size(); at += kFields) {
    const std::string name{trim(fields[at])};
    const std::string_view state = fields[at + 1]; // "draining$": a flag may follow
    const std::string reason = fields[at + 2] == "none" ? "" : ": " + std::string(fields[at + 2]);
    if (state.starts_with("drain") || state.starts_with("failing")) {
      leaving[name] = "node " + name + " is being drained" + reason;
    } else if (state.starts_with("maint") || state.find('$') != std::string_view::npos) {
      leaving[name] = "node " + name + " is in a maintenance reservation" + reason;
    }
  }
  return leaving;
}

std::map<std::string, Duration> parse_grace_times(std::string_view output) {
  std::map<std::string, Duration> grace_times;
  for (const std::string& line : split_lines(output)) {
    std::string name;
    std::int64_t grace = 0;
    bool preempts = true;
    for (const std::string& word : split(line, ' ')) {
      if (word.starts_with("PartitionName=")) {
        name = word.substr(word.find('=') + 1);
      } else if (word.starts_with("GraceTime=")) {
        grace = amount(std::string_view(word).substr(word.find('=') + 1)).value_or(0);
      } else if (word == "PreemptMode=OFF") {
        preempts = false;
      }
    }
    if (!name.empty() && grace > 0 && preempts) {
      grace_times[name] = seconds{grace};
    }
  }
  return grace_times;
}

std::optional<std::string> parse_submitted_id(std::string_view output) {
  // Plugins of a site may print lines of their own before it.
  const std::vector<std::string> lines = split_lines(trim(output));
  if (lines.empty()) {
    return std::nullopt;
  }
  const std::string id = lines.back().substr(0, lines.back().find(';'));
  return number<std::uint64_t>(id) ? std::optional(id) : std::nullopt;
}

std::map<std::string, std::string> parse_config(std::string_view output) {
  std::map<std::string, std::string> config;
  for (const std::string& line : split_lines(output)) {
    if (const std::size_t equals = line.find('='); equals != std::string::npos) {
      config.emplace(trim(std::string_view(line).substr(0, equals)),
                     trim(std::string_view(line).substr(equals + 1)));
    }
  }
  return config;
}

std::optional<TimePoint> parse_time(std::string_view text) {
  if (const auto since_1970 = amount(text)) {
    return *since_1970 > 0 ? std::optional(TimePoint(seconds{*since_1970})) : std::nullopt;
  }
  if (text.size() == 19 && text[10] == 'T') {
    if (const auto time = parse_rfc3339(std::string(text) + "Z")) {
      return *time;
    }
  }
  return std::nullopt;
}

std::optional<Duration> parse_limit(std::string_view text) {
  std::int64_t days = 0;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto read = amount(text.substr(0, dash));
    if (!read) {
      return std::nullopt;
    }
    days = *read;
    text.remove_prefix(dash + 1);
  }
  std::int64_t total = 0;
  const std::vector<std::string_view> parts = split_by(text, ":");
  for (const std::string_view part : parts) {
    const auto read = amount(part);
    if (!read) {
      return std::nullopt;
    }
    total = total * 60 + *read;
  }
  if (parts.size() < 2 || parts.size() > 3) {
    return std::nullopt;
  }
  const Duration limit = hours{24 * days} + seconds{total};
  return limit < kNoLimit ? std::optional(limit) : std::nullopt;
}

} // namespace ckpt::scheduler::slurm
