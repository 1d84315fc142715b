#include "core/store/content.hpp"

#include "core/base/kill_point.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

namespace ckpt::store {

namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20U;

tl::unexpected<Error> file_error(const char* doing, const Path& path) {
  return tl::unexpected(errno_error(errno, doing, path));
}

} // namespace

Hasher::Hasher() : state_(XXH3_createState()) {
  XXH3_128bits_reset(state_.get());
}

void Hasher::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

void Hasher::update(std::string_view bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string Hasher::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return text;
}

Status Meter::add(std::uint64_t bytes) {
  done_ += bytes;
  if (progress_ && !progress_(done_, total_)) {
    return fail(ErrorClass::failed,
                "interrupted",
                "stopped after " + std::to_string(done_) + " of " + std::to_string(total_) +
                    " bytes",
                "",
                Outcome::retryable);
  }
  return {};
}

Result<OutputFile> OutputFile::create(Path path, mode_t mode) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) {
    return file_error("cannot create", path);
  }
  OutputFile file(std::move(path), std::move(fd));
  if (::fchmod(file.fd_.get(), mode) != 0) {
    return file_error("cannot set the mode of", file.path_);
  }
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::move(other.fd_)) {
  other.path_.clear();
}

OutputFile::~OutputFile() {
  if (!path_.empty()) {
    ::unlink(path_.c_str());
  }
}

Status OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return file_error("cannot write", path_);
    }
    bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
  return {};
}

Status OutputFile::sync() {
  if (::fsync(fd_.get()) != 0) {
    return file_error("cannot sync", path_);
  }
  ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

Status OutputFile::publish(const Path& final_path) {
  if (::close(fd_.release()) != 0 || ::rename(path_.c_str(), final_path.c_str()) != 0) {
    return file_error("cannot put in place", final_path);
  }
  path_.clear();
  kill_point("content.published");
  return {};
}

Result<Fd> open_regular(const Path& path) {
  // O_NONBLOCK: a fifo must not hold us before we have seen that it is one.
  Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd && errno != ELOOP) {
    return file_error("cannot open", path);
  }
  if (fd && ::fstat(fd.get(), &info) != 0) {
    return file_error("cannot look at", path);
  }
  if (!fd || !S_ISREG(info.st_mode)) {
    return fail(ErrorClass::failed, "not_a_regular_file", path.string() + " is no regular file");
  }
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return fd;
}

Result<FileHash> hash_open_file(int fd, const Path& path, Meter& meter, const Sink& sink) {
  Hasher hasher;
  FileHash result;
  std::vector<char> buffer(kBuffer);
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return file_error("cannot read", path);
    }
    if (count == 0) {
      result.hash = hasher.hex();
      return result;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    hasher.update(bytes);
    result.bytes += bytes.size();
    if (const Status sunk = sink ? sink(bytes) : Status{}; !sunk) {
      return tl::unexpected(sunk.error());
    }
    if (const Status counted = meter.add(bytes.size()); !counted) {
      return tl::unexpected(counted.error());
    }
  }
}

Result<FileHash> hash_file(const Path& path, const Progress& progress) {
  const auto fd = open_regular(path);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0) {
    return file_error("cannot look at", path);
  }
  Meter meter(progress, static_cast<std::uint64_t>(info.st_size));
  return hash_open_file(fd->get(), path, meter);
}

Result<std::string>
check_content(const Path& job, const StoredFile& file, Meter& meter, const Sink& sink) {
  const Path path = stored_path(job, file);
  const std::string name = file.path + (file.form == StoredForm::zstd ? ".zst" : "");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return name + ": is missing";
    }
    return file_error("cannot look at", path);
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (S_ISREG(info.st_mode) && size != file.stored_bytes) {
    return size < file.stored_bytes
               ? name + ": " + std::to_string(file.stored_bytes - size) + " bytes short"
               : name + ": " + std::to_string(size - file.stored_bytes) + " bytes too long";
  }
  const auto content = read_content(path, file.form, file.raw_bytes, meter, sink);
  if (!content) {
    const std::string& code = content.error().code;
    if (code == "corrupt_data" || code == "not_a_regular_file" || code == "no_such_file") {
      return name + ": " + content.error().message;
    }
    return tl::unexpected(content.error());
  }
  if (content->bytes != file.raw_bytes || content->hash != file.raw_hash) {
    return name + ": the content is not what was sealed";
  }
  return std::string();
}

} // namespace ckpt::store
