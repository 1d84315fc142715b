#pragma once

#include "core/domain/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ckpt::script {

/// The largest script that is taken, as sbatch's own default (`max_script_size`).
constexpr std::size_t kLargestScript = std::size_t{4} << 20U;

/// What the kernel would run for a script of this text: the path behind `#!`, and one argument if
/// there is one. Pure. Errors (usage, `bad_script`): what sbatch refuses likewise: an empty script,
/// no `#!`, a NUL byte, DOS line breaks, more than `kLargestScript` bytes.
Result<std::vector<std::string>> interpreter_of(std::string_view script);

} // namespace ckpt::script
