#pragma once

#include <string_view>

namespace ckpt::api {

/// openapi.yaml, as it was when the program was built.
std::string_view description();

} // namespace ckpt::api
