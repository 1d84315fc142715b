// The JSON files of the store: read strictly, or not at all.
#include "core/json/json.hpp"
#include "core/json/parts.hpp"
#include "core/store/records_json.hpp"
#include "tests/fuzz/checks.hpp"

#include <nlohmann/json.hpp>

using namespace ckpt;
using namespace ckpt::store;

namespace {

template <class Read> auto check(std::string_view text, const Read& read) {
  using Value = typename decltype(read(nlohmann::json()))::value_type;
  const auto json = parse_json(text);
  if (!json) {
    return Result<Value>(tl::unexpected(json.error()));
  }
  auto value = read(*json);
  if (value) {
    const std::string out = dump_json(to_json(*value));
    const auto again = read(parse_json(out).value());
    fuzz::require(again && dump_json(to_json(*again)) == out, "a record comes back as it was");
  }
  return value;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  switch (fuzz::choice(text, 7)) {
  case 0:
    if (const auto manifest = check(text, manifest_from_json)) {
      for (const StoredFile& image : manifest->images) {
        fuzz::require(is_normal_relative_path(image.path), "images stay below the job's folder");
      }
      for (const SavedFile& saved : manifest->saved) {
        fuzz::require(is_normal_relative_path(saved.stored.path), "so do saved files");
        fuzz::require(is_normal_absolute_path(saved.original), "which go back to where they were");
      }
    }
    return 0;
  case 1:
    (void)check(text, claim_from_json);
    return 0;
  case 2:
    (void)check(text, lease_from_json);
    return 0;
  case 3:
    (void)check(text, order_from_json);
    return 0;
  case 4:
    (void)check(text, fate_from_json);
    return 0;
  case 5:
    (void)check(text, policy_from_json);
    return 0;
  default:
    if (const auto spec = check(text, job_spec_from_json)) {
      fuzz::require(!spec->argv.empty() && spec->cwd.starts_with('/'), "a program and its folder");
      for (const auto& [name, value] : spec->env) {
        fuzz::require(!name.empty() && (name + value).find('\0') == std::string::npos,
                      "a variable that the kernel takes");
      }
    }
    return 0;
  }
}
