#pragma once

#include "core/domain/decide.hpp"

namespace ckpt {

/// What the final event of the newest attempt makes of the job, if that event alone decides; it
/// belongs to the open submission. Nothing: the job goes on, or the scheduler has a say. Pure.
std::optional<Action> verdict_of_journal(const JobFacts& facts);

} // namespace ckpt
