// config.toml.
#include "api/config.hpp"

#include "tests/fuzz/checks.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = ckpt::api::Config::load(
      fuzz::file_of(fuzz::folder() / "config.toml", fuzz::view_of(data, size)), {});
  if (config) {
    fuzz::require(!config->all().empty(), "every known key has a value");
  } else {
    fuzz::require(config.error().cls == ckpt::ErrorClass::usage, "a mistake in the file, told so");
  }
  return 0;
}
