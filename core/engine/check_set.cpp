// A second look at a set whose first one was taken by a process that is dead.

#include "core/engine/dmtcp/image.hpp"
#include "core/engine/engine.hpp"

#include <algorithm>

namespace ckpt::engine {
namespace {

bool has_file(const std::vector<Path>& files, std::string_view name) {
  return std::any_of(files.begin(), files.end(), [&](const Path& file) {
    std::error_code gone;
    return file.filename() == name && std::filesystem::file_size(file, gone) > 0 && !gone;
  });
}

bool is_complete_dmtcp(const std::vector<Path>& files) {
  const auto image = std::find_if(files.begin(), files.end(), [](const Path& file) {
    return dmtcp::read_header(file).has_value();
  });
  if (image == files.end()) {
    return false;
  }
  const dmtcp::FolderLook look = dmtcp::look_at(image->parent_path());
  const bool all_listed =
      std::all_of(look.images.begin(), look.images.end(), [&](const Path& found) {
        return std::find(files.begin(), files.end(), found) != files.end();
      });
  return all_listed && dmtcp::state_of(look) == dmtcp::SetState::complete;
}

bool is_complete(EngineKind kind, const std::vector<Path>& files) {
  switch (kind) {
  case EngineKind::dmtcp:
  case EngineKind::mana:
    return is_complete_dmtcp(files);
  case EngineKind::criu:
    return has_file(files, "inventory.img");
  case EngineKind::app:
    return has_file(files, "index.txt");
  }
  return false;
}

} // namespace

Status check_set(EngineKind kind, const std::vector<Path>& files) {
  return is_complete(kind, files) ? Status{}
                                  : fail(ErrorClass::failed,
                                         "set_incomplete",
                                         "by the engine's own marks the set is not complete");
}

} // namespace ckpt::engine
