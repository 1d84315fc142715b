// Looking at what is stored, and laying it out for a restart. Neither changes what a manifest says.

#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/store/content.hpp"
#include "core/store/generation_files.hpp"

#include <sys/stat.h>

namespace ckpt::store {

namespace {

constexpr int kMostLooks = 3; // a form changes once or twice in a generation's life

tl::unexpected<Error> corrupt(const Manifest& manifest, const std::vector<std::string>& problems) {
  return fail(ErrorClass::failed,
              "generation_corrupt",
              manifest.id.str() + " is corrupt: " + join(problems, "; "),
              "restart from an older generation");
}

Result<VerifyReport> look(const Path& job, const Manifest& manifest, const Progress& progress) {
  VerifyReport report;
  Meter meter(progress, manifest.stored_bytes());
  const Status looked = for_each_file(manifest, [&](const StoredFile& file) -> Status {
    auto problem = check_content(job, file, meter);
    if (!problem) {
      return tl::unexpected(problem.error());
    }
    if (!problem->empty()) {
      report.problems.push_back(*std::move(problem));
    }
    return {};
  });
  report.bytes_read = meter.done();
  return looked ? Result<VerifyReport>(std::move(report)) : tl::unexpected(looked.error());
}

/// The raw form of the file lies under its path; the problem if it cannot. A raw copy of a packed
/// file, left by a crash or made before, serves when its content is right.
Result<std::string> lay_out(const Path& job, const StoredFile& file, Meter& meter) {
  if (file.form == StoredForm::raw) {
    return check_content(job, file, meter);
  }
  StoredFile copy = file;
  copy.form = StoredForm::raw;
  copy.stored_bytes = file.raw_bytes;
  const Progress silent;
  Meter uncounted(silent, 0);
  if (const auto problem = check_content(job, copy, uncounted); problem && problem->empty()) {
    if (const Status counted = meter.add(file.stored_bytes); !counted) {
      return tl::unexpected(counted.error());
    }
    return std::string();
  }
  struct stat info {};
  const Path raw = raw_path(job, file);
  const bool there = ::stat(packed_path(job, file).c_str(), &info) == 0;
  auto output = OutputFile::create(raw.string() + ".unpacked", there ? info.st_mode & 0777U : 0600);
  if (!output) {
    return tl::unexpected(output.error());
  }
  auto problem =
      check_content(job, file, meter, [&](std::string_view bytes) { return output->write(bytes); });
  if (!problem || !problem->empty()) {
    return problem;
  }
  // Not fsync'ed: the packed form is the durable one, and this copy is verified before each use.
  kill_point("materialize.unpacked");
  if (const Status published = output->publish(raw); !published) {
    return tl::unexpected(published.error());
  }
  return std::string();
}

/// Nothing is begun that cannot be finished: half an unpacked image helps nobody, and takes the
/// room that others wait for.
Status check_room(const Path& job, const Manifest& manifest) {
  std::uint64_t needed = 0;
  for (const StoredFile& image : manifest.images) {
    struct stat info {};
    const bool unpacked = ::stat(raw_path(job, image).c_str(), &info) == 0 &&
                          static_cast<std::uint64_t>(info.st_size) == image.raw_bytes;
    needed += image.form == StoredForm::zstd && !unpacked ? image.raw_bytes : 0;
  }
  const auto space = space_of(job);
  if (needed == 0 || !space || space->available_bytes >= needed) {
    return {};
  }
  return fail(ErrorClass::refused,
              "disk_full",
              "no room to unpack " + manifest.id.str() + ": it needs " + human_bytes(needed) +
                  ", " + job.string() + " has " + human_bytes(space->available_bytes) + " free",
              "free space there",
              Outcome::retryable);
}

} // namespace

Result<VerifyReport> Generations::verify(const Manifest& given, const Progress& progress) const {
  Manifest manifest = newest_form(*this, given);
  for (int looks = 1;; ++looks) {
    auto report = look(job_folder_, manifest, progress);
    if (!report || report->good() || looks == kMostLooks) {
      return report;
    }
    // A file may have been packed while we looked for its raw form.
    Manifest now = newest_form(*this, manifest);
    if (now.revision == manifest.revision) {
      return report;
    }
    manifest = std::move(now);
  }
}

Result<std::vector<Path>> Generations::materialize(const Manifest& given,
                                                   const Progress& progress) const {
  const Manifest manifest = newest_form(*this, given);
  if (const Status room = check_room(job_folder_, manifest); !room) {
    return tl::unexpected(room.error());
  }
  std::uint64_t total = 0;
  for (const StoredFile& image : manifest.images) {
    total += image.stored_bytes;
  }
  Meter meter(progress, total);
  std::vector<Path> paths;
  std::vector<std::string> problems;
  for (const StoredFile& image : manifest.images) {
    auto problem = lay_out(job_folder_, image, meter);
    if (!problem) {
      return tl::unexpected(problem.error());
    }
    if (!problem->empty()) {
      problems.push_back(*std::move(problem));
    }
    paths.push_back(raw_path(job_folder_, image));
  }
  if (!problems.empty()) {
    return corrupt(manifest, problems);
  }
  return paths;
}

Status Generations::drop_materialized(const Manifest& given) const {
  const Manifest manifest = newest_form(*this, given);
  return for_each_file(manifest, [&](const StoredFile& file) -> Status {
    if (file.form == StoredForm::raw) {
      return {};
    }
    struct stat info {};
    const bool packed = ::lstat(packed_path(job_folder_, file).c_str(), &info) == 0 &&
                        static_cast<std::uint64_t>(info.st_size) == file.stored_bytes;
    if (!packed) {
      return {}; // the copy may be all that is left of it
    }
    return in_turn([&] { return remove_file(raw_path(job_folder_, file).string() + ".unpacked"); },
                   [&] { return remove_file(raw_path(job_folder_, file)); });
  });
}

} // namespace ckpt::store
