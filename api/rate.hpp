#pragma once

#include "core/domain/result.hpp"

#include <cstdint>
#include <string_view>

namespace ckpt::api {

/// Bytes in a second as people write them in the configuration: "20MB", "500 kB", "1GB" (powers of
/// 1000), "0". Code `bad_rate` (usage).
Result<std::uint64_t> parse_rate(std::string_view text);

} // namespace ckpt::api
