#pragma once

#include "core/base/files.hpp"
#include "core/engine/stub.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace ckpt::engine {

/// Writes the plan (0600) and starts `runner --stub PLAN_FILE`; an empty `runner` is this very
/// executable. The process that comes of it is our child: the caller reaps it. What the stub itself
/// has to say goes to `log`; the program's streams are those of the plan.
Result<pid_t> start_stub(const std::string& runner,
                         const StubPlan& plan,
                         const Path& plan_file,
                         const Path& log,
                         std::optional<int> pass_fd = std::nullopt);

/// Why the stub did not get as far as its program; nothing if it did.
std::optional<std::string> stub_failure(const Path& plan_file);

} // namespace ckpt::engine
