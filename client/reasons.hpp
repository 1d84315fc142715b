#pragma once

#include "client/output.hpp"
#include "core/domain/time.hpp"

#include <string>

namespace ckpt::client {

/// Why a job waits, was parked or failed, or what it is doing: a few sentences, the last of which
/// says what to type where there is something to do. Pure.
std::string why(const JobDetails& details, TimePoint now);

} // namespace ckpt::client
