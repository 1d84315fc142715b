#pragma once

#include "client/format.hpp"

namespace ckpt::client {

/// For `show` and `gens`. Pure.
Table attempts_table(const std::vector<api::AttemptView>& attempts, TimePoint now);
Table generations_table(const std::vector<api::GenerationView>& generations, TimePoint now);

} // namespace ckpt::client
