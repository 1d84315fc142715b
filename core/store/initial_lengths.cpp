#include "core/store/initial_lengths.hpp"

#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::store {

Result<InitialLengths> read_initial_lengths(const Path& file) {
  const auto text = read_file(file);
  if (!text) {
    return tl::unexpected<Error>(text.error());
  }
  const auto json = parse_json(*text);
  if (!json) {
    return tl::unexpected<Error>(json.error());
  }
  if (!json->is_array()) {
    return fail(ErrorClass::failed, "invalid_field", file.string() + " is not a list");
  }
  InitialLengths lengths;
  for (const nlohmann::json& item : *json) {
    Fields fields(item, file.string());
    FileLength length;
    length.path = fields.bytes("path");
    length.bytes = static_cast<std::uint64_t>(fields.integer("length_bytes"));
    if (auto finished = fields.finish(); !finished) {
      return tl::unexpected<Error>(finished.error());
    }
    lengths.push_back(std::move(length));
  }
  return lengths;
}

Status write_initial_lengths(const Path& file, const InitialLengths& lengths) {
  nlohmann::json json = nlohmann::json::array();
  for (const FileLength& length : lengths) {
    json.push_back({{"path", bytes_json(length.path)}, {"length_bytes", length.bytes}});
  }
  return write_file_atomically(file, dump_json_pretty(json));
}

} // namespace ckpt::store
