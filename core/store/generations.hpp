#pragma once

#include "core/base/files.hpp"
#include "core/domain/generation.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

// Generations in a job folder: numbers, seals, verification, form, deletion. A manifest that is
// there is the truth; it appears only after every byte that it lists is fsync'ed and hashed.
// Blocking; one writer a generation; readers any thread.

namespace ckpt::store {

/// Called now and then with the bytes done and in all; returns false to stop (`interrupted`,
/// retryable). May be empty.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// A generation as its folder shows it.
struct GenerationOnDisk {
  GenerationId id;
  std::optional<Manifest> manifest;         ///< sealed
  std::string tombstone;                    ///< the reason it was removed for; empty: not removed
  std::optional<Manifest> removed_manifest; ///< of a removed one: what it was (its lineage)
  std::string failure;    ///< why it never was sealed; empty: not known to have failed
  std::string corruption; ///< what verification found; empty: nothing
};

struct VerifyReport {
  bool good() const { return problems.empty(); }
  std::vector<std::string> problems; ///< "images/…: 12 bytes short", one a file
  std::uint64_t bytes_read = 0;
};

class Generations {
public:
  explicit Generations(Path job_folder);

  /// The next number, taken by exclusive mkdir of generations/gN.
  Result<GenerationId> allocate() const;
  /// generations/gN/saved: copies of the user's files go here, before sealing.
  Path saved_dir(GenerationId id) const;
  Path dir(GenerationId id) const;

  /// images and saved files: fsync, fsync of their folders; the draft of the manifest, durably;
  /// hashes; manifest temporary + fsync + rename + fsync. `draft` has all but hashes and sizes; its
  /// paths are relative to the job folder: images below attempts/, saved files as save_file gave
  /// them. Returns the manifest as written; the one that is there when it is the same set (a
  /// repeated call). Errors besides those of files: `image_changed` (retryable: somebody still
  /// writes it), `already_sealed`, `image_in_use` (another generation's), `generation_failed`,
  /// `generation_removed` (conflict), `invalid_manifest`, `interrupted` by `progress`: then a
  /// left-over is there.
  Result<Manifest> seal(Manifest draft, const Progress& progress = {}) const;

  /// What a writer left that had everything on the disk and did not come to the seal: its manifest
  /// without hashes. Nothing if there is none, or it was sealed, failed or removed meanwhile.
  Result<std::optional<Manifest>> left_over(GenerationId id) const;
  /// Seals it under its own number, if every file of it is there as its writer left it. The caller
  /// has made sure that the writer writes no more. Returns the manifest (also one that is there
  /// already). Errors: those of seal() except `already_sealed`; `not_left_over` (not_found);
  /// `image_changed` and `no_such_file` mean that it never can be sealed.
  Result<Manifest> seal_left_over(GenerationId id, const Progress& progress = {}) const;
  Status mark_failed(GenerationId id, const std::string& reason) const;
  Status mark_corrupt(GenerationId id, const std::string& reason) const;

  /// `not_sealed`, `generation_removed` (not_found), `damaged_file`.
  Result<Manifest> read_manifest(GenerationId id) const;
  Result<std::vector<GenerationOnDisk>> list() const; ///< ascending

  /// Reads every stored byte and compares sizes and hashes of the raw content. Errors only if it
  /// could not look (io); a bad generation is a report.
  Result<VerifyReport> verify(const Manifest& manifest, const Progress& progress = {}) const;

  /// Every image raw under its original path and verified on the way (zstd ones are unpacked beside
  /// and renamed). `generation_corrupt` with the problems; `disk_full`, before anything is written,
  /// when there is no room for all of them.
  Result<std::vector<Path>> materialize(const Manifest& manifest,
                                        const Progress& progress = {}) const;
  /// The raw copies of zstd-stored images that materialize made are removed again.
  Status drop_materialized(const Manifest& manifest) const;
  /// Copies of all files, raw and verified, in a folder outside of the store (made when it is not
  /// there): images under the names that the engine gave them, the user's own below saved/ with
  /// their whole path. For a person who goes on without us. Returns the copies. `file_exists`,
  /// `disk_full`, `generation_corrupt`.
  Result<std::vector<Path>>
  copy_raw(const Manifest& manifest, const Path& folder, const Progress& progress = {}) const;
  /// What a packing left beside sealed files when it was killed, or could not remove. Only where
  /// nobody packs any more.
  void remove_unfinished_packing() const;

  /// raw → zstd: write beside, read back and compare with the raw hash, fsync, rename, new manifest
  /// revision, fsync, unlink raw. A file that does not shrink stays raw. Interrupted between any
  /// two steps it leaves a good generation.
  Result<Manifest>
  compress(const Manifest& manifest, int level, const Progress& progress = {}) const;

  /// Tombstone (with the reason), then images and saved files. The empty folder with its tombstone
  /// stays: a number is never taken twice. The caller has asked retention first. Repeating it after
  /// a crash finishes the work.
  Status remove(GenerationId id, const std::string& reason) const;
  /// Somebody died over remove(): the tombstone is there, and not all of the rest is gone.
  bool removal_unfinished(GenerationId id) const;

  /// What lies in attempts/<n>/images and is listed by no manifest, nor by a draft that may still
  /// be sealed (unless `drafts_too`): left by a checkpoint that failed. Only while nobody writes
  /// there; without the list of seals nothing is removed.
  Status remove_unsealed_images(AttemptId attempt, bool drafts_too = false) const;

  /// Copies the user's file into the generation while the program is frozen; the result goes into
  /// the manifest's `saved` (its hash comes with the seal). `invalid_path`, `not_a_regular_file`.
  Result<SavedFile> save_file(GenerationId id, const Path& original) const;
  /// Makes the listed folders. Puts saved files back (all are unpacked and verified before the
  /// first one is replaced, each atomically) and cuts the listed ones to their lengths. Listed ones
  /// that are gone or shorter are left as they are. `generation_corrupt`.
  Status restore_files(const Manifest& manifest, bool cut_lengths) const;

private:
  /// From files that are on the disk, each with the time that it had then.
  Result<Manifest> finish_seal(Manifest draft,
                               const std::vector<std::int64_t>& modified,
                               const Progress& progress) const;
  Path job_folder_;
};

/// XXH3-128 of a file's content, 32 hexadecimal digits, and its size.
struct FileHash {
  std::string hash;
  std::uint64_t bytes = 0;
};
Result<FileHash> hash_file(const Path& path, const Progress& progress = {});

} // namespace ckpt::store
