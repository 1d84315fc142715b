#include "core/store/reservation.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <ctime>
#include <tuple>

namespace ckpt::store {
namespace {

constexpr std::time_t kForgotten = 600; ///< seconds
constexpr std::size_t kMostDigits = 32;

/// Which of two came first, by the clock of the filesystem.
using Order = std::tuple<std::time_t, long, std::string>;

Order order_of(const Path& file, const struct stat& info) {
  return {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, file.filename().string()};
}

std::uint64_t bytes_in(const Path& file) {
  const auto text = read_file(file, kMostDigits);
  std::uint64_t bytes = 0;
  if (text) {
    std::from_chars(text->data(), text->data() + text->size(), bytes);
  }
  return bytes;
}

} // namespace

Result<Reservation>
Reservation::make(const Path& store, const std::string& job, std::uint64_t bytes) {
  const Path folder = store / "room";
  if (auto made = make_directories(folder); !made) {
    return tl::unexpected(made.error());
  }
  // Not by a temporary file: nobody would remove that of a killed runner, and half a number does
  // no harm.
  const Path file = folder / job;
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  const std::string text = std::to_string(bytes);
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return tl::unexpected(errno_error(errno, "cannot write", file));
  }
  return Reservation(file);
}

void Reservation::forget(const Path& store, const std::string& job) {
  std::ignore = remove_file(store / "room" / job);
}

std::uint64_t Reservation::older_bytes() const {
  struct stat ours {};
  if (::stat(file_.c_str(), &ours) != 0) {
    return 0;
  }
  std::uint64_t sum = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(file_.parent_path(), error), end;
       !error && entry != end;
       entry.increment(error)) {
    struct stat info {};
    const Path& file = entry->path();
    const bool counts = !file.filename().native().starts_with('.') &&
                        ::lstat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
                        ours.st_mtim.tv_sec - info.st_mtim.tv_sec < kForgotten &&
                        order_of(file, info) < order_of(file_, ours);
    sum += counts ? bytes_in(file) : 0;
  }
  return sum;
}

Reservation::Reservation(Reservation&& other) noexcept
    : file_(std::exchange(other.file_, Path())) {}

Reservation::~Reservation() {
  if (!file_.empty()) {
    std::ignore = remove_file(file_);
  }
}

} // namespace ckpt::store
