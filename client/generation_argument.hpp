#pragma once

#include "core/domain/ids.hpp"
#include "core/domain/result.hpp"

#include <string>

namespace ckpt::client {

/// "g3"; else an error of class usage that names how to list those of `job`.
Result<GenerationId> generation_argument(const std::string& text, const std::string& job);

} // namespace ckpt::client
