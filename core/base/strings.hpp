#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt {

std::vector<std::string> split(std::string_view text, char separator); ///< empty parts are kept
std::vector<std::string>
split_lines(std::string_view text); ///< without the newline; no empty last one
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
/// One shell word: quoted if it needs to be. For messages and the generated batch script.
std::string shell_quote(std::string_view word);
std::string shell_join(const std::vector<std::string>& words);
std::string human_bytes(std::uint64_t bytes); ///< "512 MB", "1.5 GB" (powers of 1000)
/// The candidate within two slips (< half the letters), else the only completion; or empty.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

} // namespace ckpt
