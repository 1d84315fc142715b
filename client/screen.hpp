#pragma once

#include "client/output.hpp"

#include <cstdio>
#include <functional>
#include <string>

namespace ckpt::client {

/// The terminal as one picture that is drawn over and over. What was there before comes back when
/// this goes. One thread.
class Screen {
public:
  static bool possible(std::FILE* out); ///< a terminal that can do so
  /// `cluster`: which commands in the text have to name, or empty.
  Screen(std::FILE* out, std::string cluster);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// A line above, and below it what `draw` writes, cut to the terminal's size, with `more` for the
  /// last line then; nothing is shown when it fails.
  Status show(const std::string& head,
              const std::string& more,
              const std::function<Status(Output&)>& draw);

private:
  std::FILE* out_;
  std::string cluster_;
};

/// The first `rows` lines of `text`, each ended so that nothing of an older picture stays; `more`
/// instead of the last one where there are more. Pure.
std::string frame(const std::string& text, std::size_t rows, const std::string& more);

} // namespace ckpt::client
