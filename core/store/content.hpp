#pragma once

#include "core/base/files.hpp"
#include "core/domain/generation.hpp"
#include "core/store/generations.hpp"

#include <functional>
#include <memory>
#include <string_view>

struct XXH3_state_s;

// Streams of bytes that may be hundreds of gigabytes: hash, pack, unpack, in buffers of one
// megabyte. Private to the store.

namespace ckpt::store {

/// XXH3-128 of what it was fed.
class Hasher {
public:
  Hasher();
  void update(std::string_view bytes);
  std::string hex() const; ///< 32 digits, the canonical (big-endian) form that `xxhsum -H2` prints

private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// Counts bytes towards a total and passes them on; `interrupted` when the listener says stop.
class Meter {
public:
  Meter(const Progress& progress, std::uint64_t total) : progress_(progress), total_(total) {}
  Status add(std::uint64_t bytes);
  std::uint64_t done() const { return done_; }

private:
  const Progress& progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
};

using Sink = std::function<Status(std::string_view)>;

/// A file being written under a temporary name; gone again unless it was published.
class OutputFile {
public:
  static Result<OutputFile> create(Path path, mode_t mode);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();
  Status write(std::string_view bytes);
  Status sync(); ///< fsync; and what was written leaves the page cache, so that reading is reading
  Status publish(const Path& final_path); ///< close, rename; the folder is not synced
  const Path& path() const { return path_; }

private:
  OutputFile(Path path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Path path_;
  Fd fd_;
};

/// Opens for reading what must be a regular file, no link (`not_a_regular_file`).
Result<Fd> open_regular(const Path& path);
/// Reads an open file to its end, hashing.
Result<FileHash> hash_open_file(int fd, const Path& path, Meter& meter, const Sink& sink = {});

/// The raw content of a stored file, hashed and passed to the sink. The meter counts stored bytes.
/// `corrupt_data`: what lies there is no zstd, or more than `most_bytes` come out.
Result<FileHash> read_content(const Path& stored,
                              StoredForm form,
                              std::uint64_t most_bytes,
                              Meter& meter,
                              const Sink& sink = {});

/// Reads `raw` and writes it to `packed` as one zstd frame; returns the hash of the raw content.
Result<FileHash> pack(const Path& raw, OutputFile& packed, int level, Meter& meter);

/// Where the bytes of a stored file lie.
inline Path raw_path(const Path& job, const StoredFile& file) {
  return job / file.path;
}
inline Path packed_path(const Path& job, const StoredFile& file) {
  return job / (file.path + ".zst");
}
inline Path stored_path(const Path& job, const StoredFile& file) {
  return file.form == StoredForm::zstd ? packed_path(job, file) : raw_path(job, file);
}

/// Compares what is stored with what the manifest says of it, in size, readability and hash. What
/// is wrong, or an empty text; an error when it could not look.
Result<std::string>
check_content(const Path& job, const StoredFile& file, Meter& meter, const Sink& sink = {});

/// Calls visit(StoredFile&) for images and saved files, until one fails.
template <class Manifests, class Visit>
Status for_each_file(Manifests& manifest, const Visit& visit) {
  for (auto& image : manifest.images) {
    if (const Status status = visit(image); !status) {
      return status;
    }
  }
  for (auto& saved : manifest.saved) {
    if (const Status status = visit(saved.stored); !status) {
      return status;
    }
  }
  return {};
}

} // namespace ckpt::store
