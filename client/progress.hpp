#pragma once

#include "api/views.hpp"
#include "client/session.hpp"

#include <string>

namespace ckpt::client {

/// "512 MB of 2 GB, 130 MB/s, 11s left". Pure; `took`: since the first byte.
std::string progress_text(const api::ProgressView& progress, Duration took);

/// One line on standard error that is written over and over; nothing where that is no terminal, and
/// with --json. Gone when this goes.
class Progress {
public:
  explicit Progress(Session& session);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  bool is_shown() const { return out_ != nullptr; }
  void show(const std::string& what, const api::ProgressView& progress);

private:
  std::FILE* out_; ///< nullptr: not shown
  MonoTime began_;
  MonoTime grew_; ///< when there was last more of it
  std::uint64_t done_ = 0;
  std::size_t shown_ = 0;
};

} // namespace ckpt::client
