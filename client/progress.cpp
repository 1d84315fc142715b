#include "client/progress.hpp"

#include "client/format.hpp"
#include "core/base/clock.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

namespace ckpt::client {

std::string progress_text(const api::ProgressView& progress, Duration took) {
  std::string text = human_bytes(progress.done_bytes);
  if (progress.total_bytes) {
    text += " of " + human_bytes(*progress.total_bytes);
  }
  if (took < seconds{1} || progress.done_bytes == 0) {
    return text;
  }
  const double rate =
      static_cast<double>(progress.done_bytes) * 1000 / static_cast<double>(took.count());
  text += ", " + human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  if (progress.total_bytes && *progress.total_bytes > progress.done_bytes) {
    const double left = static_cast<double>(*progress.total_bytes - progress.done_bytes) / rate;
    text += ", " + short_duration(seconds{static_cast<std::int64_t>(left) + 1}) + " left";
  }
  return text;
}

Progress::Progress(Session& session)
    : out_(!session.json() && ::isatty(STDERR_FILENO) != 0 ? stderr : nullptr),
      began_(system_clock().monotonic()), grew_(began_) {}

Progress::~Progress() {
  if (out_ != nullptr && shown_ > 0) {
    (void)std::fprintf(out_, "\r%*s\r", static_cast<int>(shown_), "");
    (void)std::fflush(out_);
  }
}

void Progress::show(const std::string& what, const api::ProgressView& progress) {
  if (out_ == nullptr) {
    return;
  }
  const MonoTime now = system_clock().monotonic();
  if (progress.done_bytes != done_) {
    done_ = progress.done_bytes;
    grew_ = now;
  }
  constexpr seconds kStill{2};
  const bool written = progress.what == "writing" && done_ > 0 && now - grew_ > kStill;
  std::string line = what + ": " +
                     (written ? human_bytes(done_) + " written, now synced and hashed"
                              : progress_text(progress, grew_ - began_));
  const std::size_t width = display_width(line);
  line.append(shown_ > width ? shown_ - width : 0, ' ');
  shown_ = std::max(shown_, width);
  (void)std::fprintf(out_, "\r%s", line.c_str());
  (void)std::fflush(out_);
}

} // namespace ckpt::client
