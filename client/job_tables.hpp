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

} // namespace ckpt::client
