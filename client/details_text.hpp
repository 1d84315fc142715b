#pragma once

#include "client/output.hpp"
#include "core/domain/time.hpp"

#include <string>

// Everything about one job, for `show` and `watch`. Pure but for the time zone.

namespace ckpt::client {

inline constexpr const char* kGreen = "32";
inline constexpr const char* kYellow = "33";
inline constexpr const char* kRed = "31";

struct Look {
  std::size_t width = 80;
  bool colour = false;
  std::size_t rows = 0; ///< what changes has to fit into; 0: any number
};

/// What changes comes first: a screen is cut at its end. Where `rows` are too few for all attempts
/// and checkpoints, the newest are shown.
std::string details_text(const JobDetails& details, TimePoint now, const Look& look);

/// "label         text", what is too long for the line below itself; with a line break.
std::string labelled(const std::string& label, const std::string& text, std::size_t width);
/// In that colour, and harmless; unchanged without colours.
std::string painted(const std::string& text, const char* code, bool colour);
const char* colour_of(const api::JobView& job);

} // namespace ckpt::client
