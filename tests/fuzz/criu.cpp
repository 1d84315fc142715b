// What CRIU prints and writes beside its images, and our notes there.
#include "core/engine/criu/text.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt::engine::criu;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  switch (fuzz::choice(text, 6)) {
  case 0:
    if (const auto version = parse_version(text)) {
      (void)at_least_major(*version, 4);
    }
    return 0;
  case 1:
    (void)first_errors(text);
    return 0;
  case 2:
    (void)parse_frozen_microseconds(text);
    return 0;
  case 3: {
    const Message message = decode(text);
    fuzz::require(decode(encode(message)) == message, "a message comes back as it was");
    return 0;
  }
  case 4:
    (void)is_foreign_ghost(text);
    return 0;
  default:
    if (const auto notes = decode_notes(std::string(text))) {
      const auto again = decode_notes(encode(*notes));
      fuzz::require(again && *again == *notes, "notes come back as they were");
    }
    return 0;
  }
}
