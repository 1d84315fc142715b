#include "core/store/coordinator.hpp"

#include "core/json/fields.hpp"
#include "core/store/layout.hpp"

namespace ckpt::store {

Status write_coordinator(const AttemptFolder& attempt, const CoordinatorNote& note) {
  const nlohmann::json json{
      {"host", note.host}, {"port", note.port}, {"pid", note.pid}, {"version", note.version}};
  return write_file_atomically(attempt.coordinator_json(), dump_json_pretty(json));
}

Result<CoordinatorNote> read_coordinator(const AttemptFolder& attempt) {
  return read_json_file<CoordinatorNote>(attempt.coordinator_json(),
                                         [](const nlohmann::json& json) -> Result<CoordinatorNote> {
                                           Fields fields(json, "coordinator");
                                           CoordinatorNote note;
                                           note.host = fields.text("host");
                                           note.port = static_cast<int>(fields.integer("port"));
                                           note.pid = fields.integer("pid");
                                           note.version = fields.text("version");
                                           if (auto finished = fields.finish(); !finished) {
                                             return tl::unexpected<Error>(finished.error());
                                           }
                                           return note;
                                         });
}

} // namespace ckpt::store
