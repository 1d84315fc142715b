// What is read here decides which files are hashed, unpacked, put back and deleted: every path is
// checked on the way in, and a manifest that names anything outside its job folder is no manifest.

#include "core/json/json.hpp"
#include "core/json/parts.hpp"

#include <limits>
#include <set>

namespace ckpt {

namespace {

nlohmann::json to_json(const StoredFile& file) {
  return {{"path", bytes_json(file.path)},
          {"raw_bytes", file.raw_bytes},
          {"raw_hash", file.raw_hash},
          {"form", word(file.form)},
          {"stored_bytes", file.stored_bytes}};
}

std::uint64_t read_size(Fields& fields, const char* name) {
  return static_cast<std::uint64_t>(
      fields.integer_in(name, 0, std::numeric_limits<std::int64_t>::max()));
}

bool is_hash(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

StoredFile read_stored_file(Fields& fields) {
  StoredFile file;
  file.path = fields.bytes("path");
  if (!is_normal_relative_path(file.path)) {
    fields.reject("path", "must be relative to the job folder, and below it, without '..'");
  }
  file.raw_bytes = read_size(fields, "raw_bytes");
  file.raw_hash = fields.text("raw_hash");
  if (!is_hash(file.raw_hash)) {
    fields.reject("raw_hash", "must be 32 hexadecimal digits");
  }
  file.form = fields.word_of<StoredForm>("form");
  file.stored_bytes = read_size(fields, "stored_bytes");
  if (file.form == StoredForm::raw && file.stored_bytes != file.raw_bytes) {
    fields.reject("stored_bytes", "must equal raw_bytes in the raw form");
  }
  return file;
}

std::string read_absolute_path(Fields& fields, const char* name) {
  std::string path = fields.bytes(name);
  if (!is_normal_absolute_path(path)) {
    fields.reject(name, "must be an absolute path without '.', '..' or double slashes");
  }
  return path;
}

HostFingerprint read_host(Fields& fields) {
  HostFingerprint host;
  read_object(fields, "host", [&](Fields& inner) {
    host.host = inner.text("host");
    host.cpu_flags = read_bytes_list(inner, "cpu_flags");
    host.kernel = inner.text("kernel");
    host.glibc = inner.text("glibc");
  });
  return host;
}

void read_files(Fields& fields, Manifest& manifest) {
  std::set<std::string> seen;
  const auto once = [&](Fields& inner, const std::string& path) {
    if (!seen.insert(path).second) {
      inner.reject("path", "'" + path + "' is there twice");
    }
  };
  read_objects(fields, "images", true, [&](Fields& inner) {
    manifest.images.push_back(read_stored_file(inner));
    once(inner, manifest.images.back().path);
  });
  read_objects(fields, "lengths", false, [&](Fields& inner) {
    FileLength length;
    length.path = read_absolute_path(inner, "path");
    length.bytes = read_size(inner, "bytes");
    manifest.lengths.push_back(std::move(length));
  });
  read_objects(fields, "saved", false, [&](Fields& inner) {
    SavedFile saved;
    saved.original = read_absolute_path(inner, "original");
    saved.mode = static_cast<std::uint32_t>(inner.integer_in("mode", 0, 07777));
    read_object(inner, "stored", [&](Fields& stored) {
      saved.stored = read_stored_file(stored);
      once(stored, saved.stored.path);
    });
    if (!inner.has("stored")) {
      inner.reject("stored", "is missing");
    }
    manifest.saved.push_back(std::move(saved));
  });
}

nlohmann::json host_json(const HostFingerprint& host) {
  return {{"host", host.host},
          {"cpu_flags", bytes_list_json(host.cpu_flags)},
          {"kernel", host.kernel},
          {"glibc", host.glibc}};
}

std::vector<std::string> read_paths(Fields& fields, const char* name) {
  std::vector<std::string> paths = read_bytes_list(fields, name, true);
  for (const std::string& path : paths) {
    if (!is_normal_absolute_path(path)) {
      fields.reject(name, "must be absolute paths without '.', '..' or double slashes");
    }
  }
  return paths;
}

void require(Fields& fields, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!fields.has(name)) {
      fields.reject(name, "is missing");
    }
  }
}

} // namespace

nlohmann::json to_json(const Manifest& manifest) {
  nlohmann::json images = nlohmann::json::array();
  for (const StoredFile& file : manifest.images) {
    images.push_back(to_json(file));
  }
  nlohmann::json lengths = nlohmann::json::array();
  for (const FileLength& file : manifest.lengths) {
    lengths.push_back({{"path", bytes_json(file.path)}, {"bytes", file.bytes}});
  }
  nlohmann::json saved = nlohmann::json::array();
  for (const SavedFile& file : manifest.saved) {
    saved.push_back({{"original", bytes_json(file.original)},
                     {"stored", to_json(file.stored)},
                     {"mode", file.mode}});
  }
  nlohmann::json json = {
      {"job", manifest.job.str()},
      {"id", manifest.id.str()},
      {"revision", manifest.revision},
      {"attempt", manifest.attempt.value},
      {"parent", manifest.parent ? nlohmann::json(manifest.parent->str()) : nlohmann::json()},
      {"trigger", word(manifest.trigger)},
      {"engine", to_json(manifest.engine)},
      {"host", host_json(manifest.host)},
      {"frozen_at", format_rfc3339(manifest.frozen_at)},
      {"sealed_at", format_rfc3339(manifest.sealed_at)},
      {"blocked_seconds", seconds_json(manifest.blocked)},
      {"run_before_seconds", seconds_json(manifest.run_before)},
      {"images", std::move(images)},
      {"lengths", std::move(lengths)},
      {"append_files", bytes_list_json(manifest.append_files)},
      {"saved", std::move(saved)},
      {"folders", bytes_list_json(manifest.folders)},
      {"deleted", bytes_list_json(manifest.deleted)}};
  if (manifest.written) {
    json["written"] = bytes_list_json(*manifest.written);
  }
  if (!manifest.restart_in.empty()) {
    json["restart_in"] = bytes_json(manifest.restart_in);
  }
  return json;
}

Result<Manifest> manifest_from_json(const nlohmann::json& json) {
  Fields fields(json, "manifest");
  Manifest manifest;
  require(fields, {"engine", "host"});
  manifest.job = read_id<JobId>(fields, "job");
  manifest.id = read_id<GenerationId>(fields, "id");
  manifest.revision =
      static_cast<int>(fields.integer_in("revision", 1, std::numeric_limits<int>::max()));
  manifest.attempt = read_attempt(fields, "attempt");
  manifest.parent = read_optional_id<GenerationId>(fields, "parent");
  manifest.trigger = fields.word_of<Trigger>("trigger");
  manifest.engine = read_engine_version(fields, "engine");
  manifest.host = read_host(fields);
  manifest.frozen_at = fields.time("frozen_at");
  manifest.sealed_at = fields.time("sealed_at");
  manifest.blocked = fields.duration("blocked_seconds");
  manifest.run_before = fields.duration("run_before_seconds");
  read_files(fields, manifest);
  manifest.append_files = read_bytes_list(fields, "append_files", true);
  manifest.folders = read_paths(fields, "folders");
  manifest.deleted = read_paths(fields, "deleted");
  if (fields.has("written")) {
    manifest.written = read_paths(fields, "written");
  }
  manifest.restart_in = read_path_or_empty(fields, "restart_in");
  if (const Status status = fields.finish(); !status) {
    return tl::unexpected(status.error());
  }
  return manifest;
}

} // namespace ckpt
