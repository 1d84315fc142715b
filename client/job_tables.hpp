#pragma once

#include "client/format.hpp"

namespace ckpt::client {

/// For `ls`. Where `width` has no room for all of it, the number of restarts is left to `show`;
/// and where that does not help, the reasons of a few jobs stand below the table, those of many are
/// cut short. Pure.
std::string jobs_text(const std::vector<api::JobView>& jobs, TimePoint now, std::size_t width);

/// Whether no line of it is wider.
bool fits(const std::string& table, std::size_t width);
/// `whole` if it fits, else `narrow` and below it "g1, g2: the job has completed" for each of
/// `reasons` (whose, and what).
std::string table_or_below(const Table& whole,
                           const Table& narrow,
                           const std::vector<std::pair<std::string, std::string>>& reasons,
                           std::size_t width);

/// For `show` and `gens`: a table, and below it the reasons where `width` has no room for them in
/// it. Pure.
std::string
attempts_text(const std::vector<api::AttemptView>& attempts, TimePoint now, std::size_t width);
std::string generations_text(const std::vector<api::GenerationView>& generations,
                             TimePoint now,
                             std::size_t width);
/// What stands in that table, for the help of the verbs that print it.
inline constexpr const char* kGenerationsLegend =
    "Of each checkpoint (generation):\n"
    "  STATE    sealed: complete and on disk; pruned: removed; writing, failed, corrupt\n"
    "  TRIGGER  why it was taken: proof (an early one, to see that it can be done),\n"
    "           interval (--every), before walltime (the allocation was to end),\n"
    "           preemption, drain (the node was to go), manual, stop, program, signal\n"
    "  BY       the attempt that wrote it\n"
    "  FROM     the checkpoint that this attempt had started from; -: the beginning\n"
    "  FROZEN   the instant that a restart from it goes back to\n"
    "  SIZE     its content; STORED: what it takes on disk now, compressed; -: removed\n"
    "  BLOCKED  how long the program stood still for it\n"
    "  abandoned: the job was set back (`ckpt restart --generation`) and went on\n"
    "           from an older one; * pinned: kept until `ckpt unpin`";

} // namespace ckpt::client
