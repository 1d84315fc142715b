#include "core/store/verified.hpp"

#include "core/base/strings.hpp"

namespace ckpt::store {

Status mark_verified(const Path& generation_dir, TimePoint at) {
  return write_file_atomically(generation_dir / "verified", format_rfc3339(at) + "\n");
}

std::optional<TimePoint> verified_at(const Path& generation_dir) {
  const auto text = read_file(generation_dir / "verified");
  const auto time = text ? parse_rfc3339(trim(*text)) : tl::unexpected<Error>(text.error());
  return time ? std::optional(*time) : std::nullopt;
}

} // namespace ckpt::store
