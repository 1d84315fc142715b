// The plan of the last process before the program.
#include "core/engine/stub.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt::engine;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto plan = decode_stub_plan(std::string(fuzz::view_of(data, size)));
  if (plan) {
    fuzz::require(!plan->argv.empty(), "there is something to run");
    const std::string text = encode_stub_plan(*plan);
    const auto again = decode_stub_plan(text);
    fuzz::require(again && encode_stub_plan(*again) == text, "a plan comes back as it was");
  }
  return 0;
}
