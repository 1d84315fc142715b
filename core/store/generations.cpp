#include "core/store/generations.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/json/fields.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <algorithm>
#include <filesystem>

namespace ckpt::store {

namespace {

/// The numbers that have a folder, ascending.
Result<std::vector<GenerationId>> numbers(const Path& folder) {
  std::vector<GenerationId> ids;
  std::error_code error;
  std::error_code ignored;
  std::filesystem::directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    const auto id = GenerationId::parse(name);
    if (id && id->str() == name && !std::filesystem::is_symlink(at->symlink_status(ignored))) {
      ids.push_back(*id);
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return tl::unexpected(errno_error(error.value(), "cannot list", folder));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<std::string> read_reason(const Path& file) {
  auto text = read_file(file);
  if (!text && text.error().code == "no_such_file") {
    return std::string();
  }
  if (!text) {
    return tl::unexpected(text.error());
  }
  const std::string reason(trim(*text));
  return reason.empty() ? "no reason was written down" : reason;
}

Status write_reason(const Path& file, const std::string& reason) {
  return write_file_atomically(file, reason + "\n");
}

/// What one folder shows.
Result<GenerationOnDisk> look_at(const Generations& generations, GenerationId id) {
  const Path dir = generations.dir(id);
  GenerationOnDisk found;
  found.id = id;
  const auto tombstone = read_tombstone(dir);
  auto failure = read_reason(failure_file(dir));
  auto corruption = read_reason(corruption_file(dir));
  if (!tombstone || !failure || !corruption) {
    return tl::unexpected(!tombstone ? tombstone.error()
                          : !failure ? failure.error()
                                     : corruption.error());
  }
  found.failure = *std::move(failure);
  found.corruption = *std::move(corruption);
  if (*tombstone) {
    found.tombstone = (*tombstone)->reason;
    found.removed_manifest = (*tombstone)->manifest;
    return found;
  }
  auto manifest = generations.read_manifest(id);
  if (manifest) {
    found.manifest = *std::move(manifest);
  } else if (manifest.error().code == "damaged_file") {
    found.corruption = manifest.error().message;
  } else if (manifest.error().code != "not_sealed" &&
             manifest.error().code != "generation_removed") {
    return tl::unexpected(manifest.error());
  }
  return found;
}

} // namespace

Generations::Generations(Path job_folder) : job_folder_(std::move(job_folder)) {}

Path Generations::dir(GenerationId id) const {
  return generations_dir(job_folder_) / id.str();
}

Path Generations::saved_dir(GenerationId id) const {
  return dir(id) / "saved";
}

Result<GenerationId> Generations::allocate() const {
  if (const Status made = make_directories(generations_dir(job_folder_)); !made) {
    return tl::unexpected(made.error());
  }
  // The listing may be old (NFS): it only saves tries. mkdir is what decides.
  const auto taken = numbers(generations_dir(job_folder_));
  if (!taken) {
    return tl::unexpected(taken.error());
  }
  GenerationId id{taken->empty() ? 1 : taken->back().value + 1};
  while (true) {
    const Status made = make_directory_exclusively(dir(id));
    if (made) {
      kill_point("allocate.done");
      return id;
    }
    if (made.error().code != "file_exists") {
      return tl::unexpected(made.error());
    }
    ++id.value;
  }
}

Status Generations::mark_failed(GenerationId id, const std::string& reason) const {
  const auto sealed = is_there(manifest_file(dir(id)));
  if (!sealed || *sealed) {
    return sealed ? fail(ErrorClass::conflict,
                         "already_sealed",
                         id.str() + " is sealed: it can be corrupt, but not failed")
                  : tl::unexpected<Error>(sealed.error());
  }
  return write_reason(failure_file(dir(id)), reason);
}

Status Generations::mark_corrupt(GenerationId id, const std::string& reason) const {
  return write_reason(corruption_file(dir(id)), reason);
}

Result<Manifest> Generations::read_manifest(GenerationId id) const {
  const auto buried = is_there(tombstone_file(dir(id)));
  if (!buried || *buried) {
    return buried ? fail(ErrorClass::not_found, "generation_removed", id.str() + " was removed")
                  : tl::unexpected<Error>(buried.error());
  }
  const Path file = manifest_file(dir(id));
  auto manifest = read_json_file<Manifest>(file, manifest_from_json);
  if (!manifest && manifest.error().code == "no_such_file") {
    return fail(ErrorClass::not_found, "not_sealed", id.str() + " is not sealed");
  }
  if (!manifest) {
    return manifest;
  }
  if (manifest->id != id) {
    return fail(ErrorClass::failed,
                "damaged_file",
                file.string() + ": is the manifest of " + manifest->id.str());
  }
  if (const Status placed = check_places(job_folder_, *manifest); !placed) {
    return fail(ErrorClass::failed, "damaged_file", file.string() + ": " + placed.error().message);
  }
  return manifest;
}

Result<std::vector<GenerationOnDisk>> Generations::list() const {
  const auto ids = numbers(generations_dir(job_folder_));
  if (!ids) {
    return tl::unexpected(ids.error());
  }
  std::vector<GenerationOnDisk> all;
  for (const GenerationId id : *ids) {
    auto found = look_at(*this, id);
    if (!found) {
      return tl::unexpected(found.error());
    }
    all.push_back(*std::move(found));
  }
  return all;
}

Status write_tombstone(const Path& dir, const Tombstone& tombstone) {
  nlohmann::json json = {{"reason", tombstone.reason}, {"manifest", nullptr}};
  if (tombstone.manifest) {
    json["manifest"] = to_json(*tombstone.manifest);
  }
  return write_file_atomically(tombstone_file(dir), dump_json_pretty(json) + "\n");
}

Result<std::optional<Tombstone>> read_tombstone(const Path& dir) {
  const auto read = [](const nlohmann::json& json) -> Result<Tombstone> {
    Fields fields(json, "tombstone");
    Tombstone tombstone;
    tombstone.reason = fields.text("reason");
    const nlohmann::json* manifest = fields.raw("manifest");
    if (manifest != nullptr && !manifest->is_null()) {
      auto value = manifest_from_json(*manifest);
      if (!value) {
        fields.reject(value.error());
      } else {
        tombstone.manifest = *std::move(value);
      }
    }
    if (const Status status = fields.finish(); !status) {
      return tl::unexpected(status.error());
    }
    return tombstone;
  };
  auto tombstone = read_json_file<Tombstone>(tombstone_file(dir), read);
  if (!tombstone && tombstone.error().code == "no_such_file") {
    return std::optional<Tombstone>();
  }
  if (!tombstone) {
    // Removed is removed, whatever the file says.
    return tombstone.error().code == "damaged_file"
               ? Result<std::optional<Tombstone>>(Tombstone{tombstone.error().message, {}})
               : tl::unexpected<Error>(tombstone.error());
  }
  return std::optional(*std::move(tombstone));
}

Status write_draft(const Path& dir, const SealDraft& draft) {
  const nlohmann::json json = {{"manifest", to_json(draft.manifest)},
                               {"modified_ns", draft.modified_ns}};
  return write_file_atomically(draft_file(dir), dump_json_pretty(json) + "\n");
}

Result<std::optional<SealDraft>> read_draft(const Path& dir) {
  const auto read = [](const nlohmann::json& json) -> Result<SealDraft> {
    Fields fields(json, "draft");
    SealDraft draft;
    const nlohmann::json* manifest = fields.raw("manifest");
    auto value = manifest_from_json(manifest != nullptr ? *manifest : nlohmann::json());
    if (!value) {
      return tl::unexpected(value.error());
    }
    draft.manifest = *std::move(value);
    const nlohmann::json* times = fields.raw("modified_ns");
    for (const nlohmann::json& time : times != nullptr ? *times : nlohmann::json::array()) {
      if (!time.is_number_integer()) {
        fields.reject("modified_ns", "must be whole numbers");
        break;
      }
      draft.modified_ns.push_back(time.get<std::int64_t>());
    }
    if (draft.modified_ns.size() != draft.manifest.images.size() + draft.manifest.saved.size()) {
      fields.reject("modified_ns", "is not one for each file");
    }
    if (const Status status = fields.finish(); !status) {
      return tl::unexpected(status.error());
    }
    return draft;
  };
  auto draft = read_json_file<SealDraft>(draft_file(dir), read);
  if (!draft && draft.error().code == "no_such_file") {
    return std::optional<SealDraft>();
  }
  if (!draft) {
    return tl::unexpected(draft.error());
  }
  return std::optional(*std::move(draft));
}

Status write_manifest(const Path& dir, const Manifest& manifest) {
  return write_file_atomically(manifest_file(dir), dump_json_pretty(to_json(manifest)) + "\n");
}

Status check_way(const Path& job, const Path& file, std::set<Path>& seen) {
  for (Path at = file.parent_path(); !at.empty() && seen.insert(at).second; at = at.parent_path()) {
    std::error_code error;
    if (std::filesystem::is_symlink(std::filesystem::symlink_status(job / at, error))) {
      return fail(ErrorClass::usage, "invalid_manifest", "'" + at.string() + "' is a link");
    }
  }
  return {};
}

Status check_places(const Path& job, const Manifest& manifest) {
  std::set<Path> seen;
  const auto below = [](const std::string& path, const std::string& folder) -> Status {
    return path.starts_with(folder) ? Status{}
                                    : fail(ErrorClass::usage,
                                           "invalid_manifest",
                                           "'" + path + "' does not lie below " + folder);
  };
  for (const StoredFile& image : manifest.images) {
    if (const Status status = in_turn([&] { return below(image.path, "attempts/"); },
                                      [&] { return check_way(job, image.path, seen); });
        !status) {
      return status;
    }
  }
  for (const SavedFile& saved : manifest.saved) {
    const std::string folder = "generations/" + manifest.id.str() + "/saved/";
    if (const Status status = in_turn([&] { return below(saved.stored.path, folder); },
                                      [&] { return check_way(job, saved.stored.path, seen); });
        !status) {
      return status;
    }
  }
  return {};
}

Result<std::set<std::string>> images_of_others(const Generations& generations, GenerationId id) {
  const auto all = generations.list();
  if (!all) {
    return tl::unexpected(all.error());
  }
  std::set<std::string> paths;
  for (const GenerationOnDisk& other : *all) {
    if (other.id != id && other.manifest) {
      for (const StoredFile& image : other.manifest->images) {
        paths.insert(image.path);
      }
    }
  }
  return paths;
}

Manifest newest_form(const Generations& generations, const Manifest& given) {
  auto stored = generations.read_manifest(given.id);
  return stored && stored->job == given.job && stored->revision > given.revision
             ? *std::move(stored)
             : given;
}

} // namespace ckpt::store
