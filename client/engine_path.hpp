#pragma once

#include "api/endpoint.hpp"

#include <string>

namespace ckpt::client {

/// The folders of the engines that this shell has (CKPT_DMTCP_ROOT, CKPT_CRIU, PATH), parted by
/// colons, for a job whose own PATH is older: `module load dmtcp`, then `ckpt restart`.
std::string engine_path(const api::Environment& env);

} // namespace ckpt::client
