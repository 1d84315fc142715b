#pragma once

#include <array>

namespace ckpt::store {

/// What stands behind an image's name while, and after, it is packed or unpacked beside its raw
/// form: never an image that an engine is writing.
inline constexpr std::array kPackingSuffixes{".zst", ".zst.tmp", ".unpacked"};

} // namespace ckpt::store
