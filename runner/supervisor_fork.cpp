// The first attempts of a fork: from the copy of another job's generation, until this job has
// sealed one of its own. In the protocol that is "from the beginning". Invariant: nothing below
// the origin's folder is changed.
#include "core/base/log.hpp"
#include "runner/supervisor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

/// DMTCP keeps copies of some files that were open (deleted ones) beside its images, and finds them
/// by the absolute path that they had. They are lent to that path while it restarts, if they are
/// not there any more.
class Lent {
public:
  Lent(const Manifest& manifest, const Path& copy, const Path& original) {
    for (const StoredFile& image : manifest.images) {
      const Path path = original / image.path;
      if (path.extension() == ".dmtcp" || !make_directories(path.parent_path())) {
        continue;
      }
      if (::link((copy / image.path).c_str(), path.c_str()) == 0) {
        paths_.push_back(path);
      }
    }
  }
  ~Lent() {
    for (const Path& path : paths_) {
      std::ignore = remove_file(path);
      ::rmdir(path.parent_path().c_str());
    }
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

private:
  std::vector<Path> paths_;
};

bool has_copies_of_files(const Manifest& manifest) {
  return manifest.engine.engine == EngineKind::dmtcp &&
         std::any_of(manifest.images.begin(), manifest.images.end(), [](const StoredFile& image) {
           return Path(image.path).extension() != ".dmtcp";
         });
}

} // namespace

Result<std::unique_ptr<engine::Session>> Supervisor::start_from_origin() {
  const GenerationRef from = *spec_.started_from;
  const std::string name = from.job.str() + " " + from.generation.str();
  if (!origin_) {
    return fail(ErrorClass::failed,
                "restart_failed",
                "the copy of " + name + ", which this job starts from, is not there any more",
                "`ckpt fork " + from.job.str() + "` makes another one");
  }
  const Path folder = store::origin_folder(folder_.path());
  const store::Generations copy(folder);
  const auto manifest = copy.read_manifest(from.generation);
  if (!manifest) {
    return tl::unexpected<Error>(manifest.error());
  }
  Result<std::unique_ptr<engine::Session>> session = tl::unexpected<Error>(Error{});
  for (const bool again : {false, true}) {
    // Unpacked first, so that what is lent is there.
    std::optional<Lent> lent;
    if (has_copies_of_files(*manifest) && copy.materialize(*manifest)) {
      lent.emplace(*manifest, folder, folder_.path().parent_path() / from.job.str());
    }
    session = restart_from_copy(*manifest, copy, std::nullopt);
    if (session || again || session.error().code != "restart_failed" || give_up_start_) {
      break;
    }
    report({.kind = Kind::restart_failed,
            .code = session.error().code,
            .reason = "from " + name + ": " + session.error().message + "; tried once more"});
  }
  if (!session &&
      (session.error().code == "restart_failed" || session.error().code == "generation_corrupt")) {
    report({.kind = Kind::restart_failed,
            .code = session.error().code,
            .reason = "from " + name + ": " + session.error().message});
    start_error_ = session.error();
  }
  return session;
}

// This job's output begins with what the origin's had at the freeze, so that the file becomes that
// of a run that nobody interrupted.
Status Supervisor::begin_output_as_origin() {
  if (policy_.stdout_on_restart == StdoutOnRestart::append && claim_.attempt.value > 1) {
    return {};
  }
  for (const auto& [stream, path] :
       {std::pair<std::string, Path>{"stdout", output_.out}, {"stderr", output_.err}}) {
    struct stat info {};
    const bool there = ::stat(path.c_str(), &info) == 0;
    if ((stream == "stderr" && output_.err == output_.out) || (there && !S_ISREG(info.st_mode))) {
      continue;
    }
    const auto begun = store::origin_output(folder_.path(), stream);
    const mode_t mode = there ? info.st_mode & 0777U : 0666U & ~static_cast<mode_t>(spec_.umask);
    const Status done = begun   ? copy_file_durably(*begun, path, mode)
                        : there ? truncate_file(path, 0)
                                : Status{};
    if (!done) {
      return done;
    }
  }
  return {};
}

} // namespace ckpt::runner
