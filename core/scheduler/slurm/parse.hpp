#pragma once

#include "core/domain/result.hpp"
#include "core/scheduler/scheduler.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reads what Slurm's clients print. Pure.

namespace ckpt::scheduler::slurm {

/// The fields that squeue_command asks for, in this order. `exit_code` is the raw wait status.
inline constexpr std::array<std::string_view, 16> kQueueFields{"JobArrayID",
                                                               "State",
                                                               "Reason",
                                                               "RestartCnt",
                                                               "EligibleTime",
                                                               "StartTime",
                                                               "EndTime",
                                                               "TimeLimit",
                                                               "BatchHost",
                                                               "PreemptTime",
                                                               "exit_code",
                                                               "Partition",
                                                               "Requeue",
                                                               "Name",
                                                               "Comment",
                                                               "Dependency"};

inline constexpr std::array<std::string_view, 11> kAccountingFields{"JobID",
                                                                    "State",
                                                                    "Reason",
                                                                    "ExitCode",
                                                                    "Eligible",
                                                                    "Start",
                                                                    "End",
                                                                    "NodeList",
                                                                    "Partition",
                                                                    "JobName",
                                                                    "Comment"};

/// `separator` stands after each field, and a line break after each record; the texts may hold
/// line breaks themselves. Tasks of an array that stand in one line (`24_[8-10%2]`) are one
/// allocation each. Error `scheduler_unreadable` (retryable) for anything else.
Result<std::vector<Allocation>> parse_queue(std::string_view output, std::string_view separator);

/// `sacct -P --duplicates`: the separator stands between fields. A job that was requeued has
/// several records; the last one is returned, with the number of the earlier ones as its restart
/// count.
Result<std::vector<Allocation>> parse_accounting(std::string_view output,
                                                 std::string_view separator);

/// sinfo's lines of nodes_command: those that drain or are in a maintenance reservation, with words
/// for why. A node stands there once for each of its partitions. What cannot be read is left out.
std::map<std::string, std::string> parse_leaving_nodes(std::string_view output,
                                                       std::string_view separator);

/// sinfo's lines of all_nodes_command, one entry a node. What cannot be read is left out.
std::vector<NodeFacts> parse_nodes(std::string_view output, std::string_view separator);

/// `scontrol -o show partition`: grace times above zero, of partitions whose jobs may be preempted.
std::map<std::string, Duration> parse_grace_times(std::string_view output);

/// "4711", or "4711;cluster".
std::optional<std::string> parse_submitted_id(std::string_view output);

/// "Name = value" lines of `scontrol show config`.
std::map<std::string, std::string> parse_config(std::string_view output);

/// Seconds since 1970, or an ISO date in UTC; nothing for N/A, NONE, Unknown and the like.
std::optional<TimePoint> parse_time(std::string_view text);

/// "10:00" (minutes), "1-02:04:00"; nothing for UNLIMITED and its kin, and for 365 days and more,
/// which is how a started job without a limit is shown.
std::optional<Duration> parse_limit(std::string_view text);

} // namespace ckpt::scheduler::slurm
