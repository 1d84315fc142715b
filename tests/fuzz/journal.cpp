// Journals of runner and daemon: frames, and the events in them. Read from wherever a reader
// stands.
#include "core/json/json.hpp"
#include "core/store/lines.hpp"
#include "core/store/records_json.hpp"
#include "tests/fuzz/checks.hpp"

#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::store;

namespace {

template <class Read> void check_event(const nlohmann::json& json, const Read& read) {
  if (const auto event = read(json)) {
    const std::string text = dump_json(to_json(*event));
    const auto again = read(parse_json(text).value());
    fuzz::require(again && dump_json(to_json(*again)) == text, "an event comes back as it was");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  const std::size_t how = fuzz::choice(text, 3);
  if (how == 0) { // bytes as they come from the disk
    const Lines lines = parse_lines(text, {});
    fuzz::require(lines.json.size() == lines.ends.size() && lines.position.offset <= text.size(),
                  "no further than there are bytes");
    std::string good;
    for (std::size_t i = 0; i < lines.json.size(); ++i) {
      good += frame_line(static_cast<std::int64_t>(i) + 1, lines.json[i]);
    }
    fuzz::require(good == text.substr(0, lines.position.offset),
                  "what counted is what was written");
    return 0;
  }
  // A frame of ours around any text, torn or with one byte changed behind it.
  const std::string framed = frame_line(1, std::string(text));
  if (text.find('\n') == std::string_view::npos) {
    fuzz::require(parse_lines(framed, {}).json.size() == 1, "what is written is read");
    std::string broken = framed;
    broken[size % (broken.size() - 1)] ^= 1;
    fuzz::require(parse_lines(broken, {}).json.empty(), "a changed line does not count");
    fuzz::require(
        parse_lines(std::string_view(framed).substr(0, framed.size() / 2), {}).json.empty(),
        "nor does half of one");
  }
  if (const auto json = parse_json(text)) {
    if (how == 1) {
      check_event(*json, attempt_event_from_json);
    } else {
      check_event(*json, job_event_from_json);
    }
  }
  return 0;
}
