// What DMTCP's tools print, and the first bytes of its images.
#include "core/engine/dmtcp/image.hpp"
#include "core/engine/dmtcp/parse.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt::engine::dmtcp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  switch (fuzz::choice(text, 4)) {
  case 0:
    if (const auto status = parse_status(std::string(text))) {
      fuzz::require(status->peers >= 0, "peers are counted");
    }
    return 0;
  case 1:
    if (const auto peers = parse_list(std::string(text))) {
      (void)all_running(*peers);
      for (const auto& peer : *peers) {
        fuzz::require(peer.pid > 0, "signals go to this pid: 0 and -1 mean many");
      }
    }
    return 0;
  case 2:
    (void)parse_version(std::string(text));
    return 0;
  default:
    if (const auto header = parse_header(text)) {
      fuzz::require(state_of(FolderLook{{"a.dmtcp"}, {}, 0}, {header}) != SetState::complete ||
                        header->peers == 1,
                    "one image is a whole set of one only");
    }
    return 0;
  }
}
