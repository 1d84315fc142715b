#pragma once

#include "core/domain/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ckpt {

/// What decides whether an image can be restarted on a host.
struct HostFingerprint {
  std::string host;
  std::vector<std::string> cpu_flags; ///< sorted
  std::string kernel;                 ///< uname -r
  std::string glibc;                  ///< "2.36"
  bool operator==(const HostFingerprint&) const = default;
};

struct EngineVersion {
  EngineKind engine = EngineKind::dmtcp;
  std::string version; ///< "4.2.0"
  bool operator==(const EngineVersion&) const = default;
};

/// How the bytes of a stored file lie on disk. The content is the raw one whatever the form.
enum class StoredForm { raw, zstd };
CKPT_WORDS(StoredForm, raw, zstd);

/// One file of a generation.
struct StoredFile {
  std::string
      path; ///< relative to the job folder; of the raw form (a compressed one has ".zst" behind it)
  std::uint64_t raw_bytes = 0;
  std::string raw_hash; ///< XXH3-128 of the raw content, 32 hexadecimal digits
  StoredForm form = StoredForm::raw;
  std::uint64_t stored_bytes = 0;
  bool operator==(const StoredFile&) const = default;
};

/// A file of the user's that was copied with the generation and is put back at a restart.
struct SavedFile {
  std::string original; ///< absolute path where it came from and goes back to
  StoredFile stored;
  std::uint32_t mode = 0600;
  bool operator==(const SavedFile&) const = default;
};

/// A file of the user's whose length at the freeze is known; cut back to it at a restart.
struct FileLength {
  std::string path; ///< absolute
  std::uint64_t bytes = 0;
  bool operator==(const FileLength&) const = default;
};

/// The seal: what a complete generation is. `manifest.json` holds this and nothing else.
struct Manifest {
  JobId job;
  GenerationId id;
  int revision = 1; ///< counts changes of form (raw, zstd); the content stays
  AttemptId attempt;
  std::optional<GenerationId> parent; ///< what the attempt that wrote it had started from
  Trigger trigger = Trigger::manual;
  EngineVersion engine;
  HostFingerprint host;
  TimePoint frozen_at{};
  TimePoint sealed_at{};
  Duration blocked{0}; ///< how long the program stood still, as far as we could see from outside
  Duration run_before{
      0}; ///< run time of the job when it was frozen, over all attempts of this lineage
  std::vector<StoredFile> images;
  std::vector<FileLength> lengths; ///< stdout, stderr, --append-files
  /// The --append-files that `lengths` is complete for: what they name and it has not was not
  /// there.
  std::vector<std::string> append_files;
  std::vector<SavedFile> saved; ///< --ckpt-files, node-local files
  /// The job's $TMPDIR and the folders below it, absolute, if `saved` has all that was in them.
  std::vector<std::string> folders;
  /// Files that were open though deleted: the names, absolute, that they had.
  std::vector<std::string> deleted;
  /// Files that the program had open for writing, absolute, without its output and what the job's
  /// own folder holds. Nothing: not looked at (an older version, or the app engine).
  std::optional<std::vector<std::string>> written;
  /// DMTCP: the folder that its restart has to begin in, absolute; empty: the job's own.
  std::string restart_in;
  bool operator==(const Manifest&) const = default;

  std::uint64_t raw_bytes() const;    ///< of images and saved files
  std::uint64_t stored_bytes() const; ///< likewise, as they lie on disk now
};

/// Nothing if a generation of `image` may be restarted on `host` by `engine`; else the reason, as a
/// person reads it. A missing CPU flag, another engine version, or an older glibc forbid it: such
/// restarts crash or hang late.
std::optional<std::string> restart_obstacle(const HostFingerprint& image,
                                            const EngineVersion& image_engine,
                                            const HostFingerprint& host,
                                            const EngineVersion& engine);

} // namespace ckpt
