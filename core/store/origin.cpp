// Invariants: a staged copy lists only files that are there, under the same hashes; it is complete
// before the fork's spec.json has its name, so a fork without its origin never starts.

#include "core/store/origin.hpp"

#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/json/fields.hpp"
#include "core/json/parts.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

namespace ckpt::store {
namespace {

constexpr const char* kStagedPrefix = ".fork-";
constexpr const char* kNote = "origin.json";
constexpr const char* kForkOf = "fork-of";
constexpr int kMostLooks = 3; // a generation's form changes once or twice in its life
constexpr std::array kStreams{"stdout", "stderr"};

Path jobs_of(const Store& store) {
  return store.root() / "jobs";
}

Status link_or_copy(const Path& from, const Path& to) {
  if (const Status made = make_directories(to.parent_path()); !made) {
    return made;
  }
  if (::link(from.c_str(), to.c_str()) == 0) {
    return sync_directory(to.parent_path());
  }
  if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == ENOTSUP || errno == ENOSYS) {
    return copy_file_durably(from, to, 0600);
  }
  return tl::unexpected(errno_error(errno, "cannot link", from));
}

/// The first `bytes` of a file that may be longer; false when it has not so many.
Result<bool> copy_beginning(const Path& from, const Path& to, std::uint64_t bytes) {
  struct stat info {};
  if (::stat(from.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<std::uint64_t>(info.st_size) < bytes) {
    return false;
  }
  const Status copied = in_turn([&] { return copy_file_durably(from, to, 0600); },
                                [&] { return truncate_file(to, bytes); });
  if (!copied) {
    return tl::unexpected(copied.error());
  }
  return ::stat(to.c_str(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) == bytes;
}

Result<Manifest> good_manifest(const Generations& generations, GenerationId id) {
  auto manifest = generations.read_manifest(id);
  if (!manifest) {
    return manifest;
  }
  if (is_there(corruption_file(generations.dir(id))).value_or(false)) {
    return fail(ErrorClass::conflict,
                "generation_corrupt",
                id.str() + " is corrupt",
                "fork from another one: `ckpt gens` lists them");
  }
  return manifest;
}

Status link_files(const Path& from, const Path& to, const Manifest& manifest) {
  if (const Status fine = check_places(from, manifest); !fine) {
    return fine;
  }
  return for_each_file(manifest, [&](const StoredFile& file) {
    return link_or_copy(stored_path(from, file), stored_path(to, file));
  });
}

/// Once more if its form changes under our hands.
Result<Manifest> link_generation(const Path& from, const Path& to, GenerationId id) {
  const Generations generations(from);
  for (int looks = 1;; ++looks) {
    auto manifest = good_manifest(generations, id);
    if (!manifest) {
      return manifest;
    }
    const Status linked = link_files(from, to, *manifest);
    if (linked) {
      return manifest;
    }
    if (linked.error().code != "no_such_file" || looks == kMostLooks) {
      return tl::unexpected(linked.error());
    }
    if (const Status emptied = empty_directory(to); !emptied) {
      return tl::unexpected(emptied.error());
    }
  }
}

Status copy_outputs(const JobFolder& origin, StagedOrigin& staged) {
  std::set<std::string> outputs;
  for (const char* stream : kStreams) {
    const auto path = origin.output(stream);
    if (!path || !outputs.insert(path->string()).second) {
      continue; // none, or the same as before
    }
    const auto length = std::find_if(staged.manifest.lengths.begin(),
                                     staged.manifest.lengths.end(),
                                     [&](const FileLength& one) { return one.path == *path; });
    if (length == staged.manifest.lengths.end()) {
      continue; // no regular file
    }
    const auto whole = copy_beginning(*path, staged.folder / stream, length->bytes);
    if (!whole) {
      return tl::unexpected(whole.error());
    }
    if (!*whole) {
      std::ignore = remove_file(staged.folder / stream);
      staged.origin.warnings.push_back({"output_cut_short",
                                        path->string() + " has not what " +
                                            staged.origin.from.job.str() +
                                            " had written there up to " + staged.manifest.id.str() +
                                            ": the output of this job begins where it starts",
                                        "the earlier part is lost, unless you have a copy"});
    }
  }
  std::erase_if(staged.manifest.lengths,
                [&](const FileLength& one) { return outputs.contains(one.path); });
  return {};
}

Status fill(const Store& store, JobId job, GenerationId generation, StagedOrigin& staged) {
  const JobFolder origin = store.job(job);
  staged.origin.from = {job, generation};
  staged.origin.tmpdir = origin.output("tmpdir").value_or(Path{}).string();
  auto manifest = link_generation(origin.path(), staged.folder, generation);
  if (!manifest) {
    return tl::unexpected(manifest.error());
  }
  staged.manifest = *std::move(manifest);
  const Generations copy(staged.folder);
  return in_turn([&] { return copy_outputs(origin, staged); },
                 [&] { return make_directories(copy.dir(generation)); },
                 [&] { return write_manifest(copy.dir(generation), staged.manifest); });
}

/// A link, so that it is read with one call for every line of a list.
Status link_to(const GenerationRef& from, const Path& job_folder) {
  const std::string text = from.job.str() + "#" + from.generation.str();
  return ::symlink(text.c_str(), (job_folder / kForkOf).c_str()) == 0
             ? sync_directory(job_folder)
             : tl::unexpected(errno_error(errno, "cannot make the link", job_folder / kForkOf));
}

nlohmann::json note_json(const Origin& origin) {
  nlohmann::json warnings = nlohmann::json::array();
  for (const Warning& warning : origin.warnings) {
    warnings.push_back(
        {{"code", warning.code}, {"text", warning.text}, {"advice", warning.advice}});
  }
  return {{"job", origin.from.job.str()},
          {"generation", origin.from.generation.str()},
          {"tmpdir", bytes_json(origin.tmpdir)},
          {"warnings", std::move(warnings)}};
}

Result<Origin> note_from_json(const nlohmann::json& json) {
  Fields fields(json, "origin");
  Origin origin;
  origin.from.job = read_id<JobId>(fields, "job");
  origin.from.generation = read_id<GenerationId>(fields, "generation");
  origin.tmpdir = fields.bytes_or("tmpdir", "");
  read_objects(fields, "warnings", false, [&](Fields& inner) {
    origin.warnings.push_back({inner.text("code"), inner.text("text"), inner.text("advice")});
  });
  if (!origin.tmpdir.empty() && !is_normal_absolute_path(origin.tmpdir)) {
    fields.reject("tmpdir", "must be an absolute path");
  }
  if (const Status status = fields.finish(); !status) {
    return tl::unexpected(status.error());
  }
  return origin;
}

} // namespace

Path origin_folder(const Path& job_folder) {
  return job_folder / "origin";
}

Result<StagedOrigin> stage_origin(const Store& store, JobId job, GenerationId generation) {
  StagedOrigin staged;
  staged.folder = jobs_of(store) / (kStagedPrefix + random_hex(8));
  if (const Status made = make_directory_exclusively(staged.folder); !made) {
    return tl::unexpected(made.error());
  }
  if (const Status filled = fill(store, job, generation, staged); !filled) {
    std::ignore = discard(staged);
    return tl::unexpected(filled.error());
  }
  return staged;
}

Status place_origin(const StagedOrigin& staged, const Path& job_folder) {
  return in_turn(
      [&] {
        return write_file_atomically(staged.folder / kNote,
                                     dump_json_pretty(note_json(staged.origin)) + "\n");
      },
      [&] { return rename_durably(staged.folder, origin_folder(job_folder)); },
      [&] { return link_to(staged.origin.from, job_folder); },
      [&] { return sync_directory(staged.folder.parent_path()); });
}

Status discard(const StagedOrigin& staged) {
  return remove_tree(staged.folder);
}

void remove_staged_origins(const Store& store) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(jobs_of(store), error)) {
    if (entry.path().filename().string().starts_with(kStagedPrefix)) {
      log::info("removing " + entry.path().string() + ": a fork that never was made");
      std::ignore = remove_tree(entry.path());
    }
  }
}

Result<std::optional<Origin>> read_origin(const Path& job_folder) {
  auto origin = read_json_file<Origin>(origin_folder(job_folder) / kNote, note_from_json);
  if (!origin && origin.error().code == "no_such_file") {
    return std::nullopt;
  }
  if (!origin) {
    return tl::unexpected(origin.error());
  }
  return *std::move(origin);
}

std::optional<GenerationRef> fork_of(const Path& job_folder) {
  std::error_code error;
  const std::string text = std::filesystem::read_symlink(job_folder / kForkOf, error).string();
  const std::size_t hash = text.find('#');
  if (error || hash == std::string::npos) {
    return std::nullopt;
  }
  const auto job = JobId::parse(text.substr(0, hash));
  const auto generation = GenerationId::parse(text.substr(hash + 1));
  return job && generation ? std::optional(GenerationRef{*job, *generation}) : std::nullopt;
}

Status remove_origin(const Path& job_folder) {
  // First what makes it one: half of a copy is none.
  return in_turn([&] { return remove_file(origin_folder(job_folder) / kNote); },
                 [&] { return remove_tree(origin_folder(job_folder)); });
}

std::optional<Path> origin_output(const Path& job_folder, const std::string& stream) {
  Path path = origin_folder(job_folder) / stream;
  return is_there(path).value_or(false) ? std::optional(std::move(path)) : std::nullopt;
}

} // namespace ckpt::store
