// Bodies of requests, as the daemon reads them, and of answers, as the client does.
#include "api/codec.hpp"
#include "api/endpoint.hpp"
#include "core/json/json.hpp"
#include "tests/fuzz/checks.hpp"

#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::api;

namespace {

template <class Read> void check_request(const nlohmann::json& json, const Read& read) {
  if (const auto request = read(json)) {
    const std::string text = dump_json(to_json(*request));
    const auto again = read(parse_json(text).value());
    fuzz::require(again && dump_json(to_json(*again)) == text, "a request comes back as it was");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  const std::size_t what = fuzz::choice(text, 6);
  if (what == 5) {
    (void)read_endpoint(fuzz::file_of(fuzz::folder() / "endpoint.json", text));
    return 0;
  }
  const auto json = parse_json(text);
  if (!json) {
    return 0;
  }
  switch (what) {
  case 0:
    check_request(*json, submit_request_from_json);
    return 0;
  case 1:
    check_request(*json, restart_request_from_json);
    return 0;
  case 2:
    (void)patch_policy(Policy{}, *json);
    return 0;
  case 3:
    (void)from_json<StatusView>(*json);
    return 0;
  default:
    (void)from_json<JobView>(*json);
    (void)from_json<EventPage>(*json);
    return 0;
  }
}
