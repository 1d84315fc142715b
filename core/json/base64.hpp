#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ckpt {

/// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

/// RFC 4648, with padding. Reading takes only what writing gives (canonical form).
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

} // namespace ckpt
