// What a start does to the user's files: they are as they were in the moment that it goes back to.
// Invariant: nothing that was there before the job is cut or emptied.
#include "core/base/log.hpp"
#include "core/store/initial_lengths.hpp"
#include "runner/local_files.hpp"
#include "runner/neighbours.hpp"
#include "runner/supervisor.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace ckpt::runner {

// What an attempt wrote there after the checkpoint has not happened.
Status Supervisor::make_tmpdir_ready(const Manifest& manifest) {
  tmpdir_saved_ = is_saved_whole(manifest, tmpdir_);
  if (!is_tmpdir_of_others(tmpdir_, folder_.path())) {
    return tmpdir_saved_ ? empty_tmpdir(tmpdir_) : Status{};
  }
  const bool used =
      std::any_of(manifest.saved.begin(), manifest.saved.end(), [&](const SavedFile& saved) {
        return is_below(saved.original, tmpdir_.string());
      });
  return used ? fail(ErrorClass::refused,
                     "node_refused",
                     manifest.id.str() + " has files in " + tmpdir_.string() +
                         ", which a job that it shares a fork's origin with uses here",
                     "let them run on different nodes, or one after the other")
              : Status{};
}

// From the beginning: the first attempt notes how long the files were and empties the output, as
// sbatch does; a later one goes back to that.
Status Supervisor::cut_output_to_start() {
  const Path note = folder_.path() / "initial.json";
  store::InitialLengths initial;
  if (auto known = store::read_initial_lengths(note)) {
    initial = std::move(*known);
  } else if (known.error().code == "no_such_file") {
    const bool append = policy_.stdout_on_restart == StdoutOnRestart::append;
    for (const Path& path : {output_.out, output_.err}) {
      struct stat info {};
      const bool there = append && ::stat(path.c_str(), &info) == 0;
      initial.lengths.push_back(
          {path.string(), there ? static_cast<std::uint64_t>(info.st_size) : 0});
    }
    bool complete = true;
    for (const Path& path : expand_globs(policy_.append_files, spec_.cwd, &complete)) {
      std::error_code error;
      const auto size = std::filesystem::file_size(path, error);
      complete = complete && !error;
      if (!error) {
        initial.lengths.push_back({path.string(), size});
      }
    }
    if (complete) {
      initial.append_files = policy_.append_files;
    }
    if (auto written = store::write_initial_lengths(note, initial); !written) {
      return written;
    }
  } else {
    return tl::unexpected<Error>(known.error());
  }
  for (const FileLength& length : initial.lengths) {
    struct stat info {};
    if (::stat(length.path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        static_cast<std::uint64_t>(info.st_size) > length.bytes) {
      if (auto cut = truncate_file(length.path, length.bytes); !cut) {
        return cut;
      }
    }
  }
  return claim_.attempt.value > 1 ? empty_later_files(initial.append_files, initial.lengths)
                                  : Status{};
}

// A file that the program appends to and that was not there in that moment was made by work that is
// being undone. `globs`: those that were in force then; one that a person has named since says
// nothing of that moment.
Status Supervisor::empty_later_files(const std::vector<std::string>& globs,
                                     const std::vector<FileLength>& lengths) {
  for (const Path& path : expand_globs(globs, spec_.cwd)) {
    const bool known = std::any_of(lengths.begin(), lengths.end(), [&](const FileLength& length) {
      return length.path == path.string();
    });
    if (known) {
      continue;
    }
    log::info(path.string() + " was not there then: emptied");
    if (auto cut = truncate_file(path, 0); !cut) {
      return cut;
    }
  }
  return {};
}

} // namespace ckpt::runner
