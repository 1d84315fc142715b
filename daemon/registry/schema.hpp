#pragma once

#include <string_view>
#include <vector>

// The SQL of schema/, embedded at build time.

namespace ckpt::daemon::schema {

std::string_view latest();
/// migrations()[0] makes version 1, [1] version 2 of version 1, and so on.
const std::vector<std::string_view>& migrations();

} // namespace ckpt::daemon::schema
