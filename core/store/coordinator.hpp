#pragma once

#include "core/store/job_folder.hpp"

namespace ckpt::store {

/// attempts/<n>/coordinator.json: what the attempt's engine listens on.
struct CoordinatorNote {
  std::string host;
  int port = 0;
  std::int64_t pid = 0; ///< on that host
  std::string version;
  bool operator==(const CoordinatorNote&) const = default;
};

Status write_coordinator(const AttemptFolder& attempt, const CoordinatorNote& note);
/// `no_such_file` when the engine has none.
Result<CoordinatorNote> read_coordinator(const AttemptFolder& attempt);

} // namespace ckpt::store
