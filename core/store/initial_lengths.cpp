#include "core/store/initial_lengths.hpp"

#include "core/json/fields.hpp"
#include "core/json/json.hpp"
#include "core/json/parts.hpp"

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
  InitialLengths initial;
  const nlohmann::json* list = &*json;
  if (json->is_object()) {
    Fields fields(*json, file.string());
    const nlohmann::json* lengths = fields.raw("lengths");
    initial.append_files = read_bytes_list(fields, "append_files");
    if (auto finished = fields.finish(); !finished) {
      return tl::unexpected<Error>(finished.error());
    }
    list = lengths;
  }
  if (list == nullptr || !list->is_array()) {
    return fail(ErrorClass::failed, "invalid_field", file.string() + " has no list of lengths");
  }
  for (const nlohmann::json& item : *list) {
    Fields fields(item, file.string());
    FileLength length;
    length.path = fields.bytes("path");
    length.bytes = static_cast<std::uint64_t>(fields.integer("length_bytes"));
    if (auto finished = fields.finish(); !finished) {
      return tl::unexpected<Error>(finished.error());
    }
    initial.lengths.push_back(std::move(length));
  }
  return initial;
}

Status write_initial_lengths(const Path& file, const InitialLengths& initial) {
  nlohmann::json lengths = nlohmann::json::array();
  for (const FileLength& length : initial.lengths) {
    lengths.push_back({{"path", bytes_json(length.path)}, {"length_bytes", length.bytes}});
  }
  const nlohmann::json json{{"lengths", std::move(lengths)},
                            {"append_files", bytes_list_json(initial.append_files)}};
  return write_file_atomically(file, dump_json_pretty(json));
}

} // namespace ckpt::store
