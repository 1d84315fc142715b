#include "api/rate.hpp"

#include "core/base/strings.hpp"

#include <charconv>
#include <string>

namespace ckpt::api {

Result<std::uint64_t> parse_rate(std::string_view text) {
  const std::string_view wish = trim(text);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(wish.data(), wish.data() + wish.size(), number);
  const std::string_view unit = trim(wish.substr(static_cast<std::size_t>(end - wish.data())));
  std::uint64_t factor = 0;
  if (unit == "kB") {
    factor = 1'000;
  } else if (unit == "MB") {
    factor = 1'000'000;
  } else if (unit == "GB") {
    factor = 1'000'000'000;
  }
  constexpr std::uint64_t kMost = 1'000'000; // GB
  if (error != std::errc{} || number > kMost || (factor == 0 && !(unit.empty() && number == 0))) {
    return fail(ErrorClass::usage,
                "bad_rate",
                "'" + std::string(text) + "' is no rate",
                "bytes in a second: 20MB, 500kB, 1GB, or 0 for never");
  }
  return number * factor;
}

} // namespace ckpt::api
