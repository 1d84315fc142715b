#pragma once

#include "core/domain/words.hpp"

#include <string>

namespace ckpt {

/// How an attempt ended, as the end of a sentence that it begins: "ran out of memory".
std::string end_words(EndReason reason);

} // namespace ckpt
