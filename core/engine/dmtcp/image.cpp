#include "core/engine/dmtcp/image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace ckpt::engine::dmtcp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSignature = "DMTCP_CHECKPOINT_IMAGE_v";
constexpr std::string_view kFinal = ".dmtcp";
constexpr std::string_view kTemp = ".dmtcp.temp";

template <class T> T field(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

} // namespace

std::optional<ImageHeader> parse_header(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kSignature)) {
    return std::nullopt;
  }
  ImageHeader header;
  header.host_id = field<std::uint64_t>(bytes, 0x50);
  header.time = field<std::uint64_t>(bytes, 0x58);
  header.computation_pid = field<std::int32_t>(bytes, 0x60);
  header.generation = field<std::uint32_t>(bytes, 0x64);
  header.peers = field<std::uint32_t>(bytes, 0x80);
  return header.peers == 0 ? std::nullopt : std::optional(header);
}

std::optional<ImageHeader> read_header(const Path& image) {
  const Fd fd(::open(image.c_str(), O_RDONLY | O_CLOEXEC));
  std::string bytes(kHeaderBytes, '\0');
  if (!fd || ::pread(fd.get(), bytes.data(), bytes.size(), 0) != ssize_t{kHeaderBytes}) {
    return std::nullopt;
  }
  return parse_header(bytes);
}

FolderLook look_at(const Path& folder) {
  FolderLook look;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool final_name = name.ends_with(kFinal);
    if (!final_name && !name.ends_with(kTemp)) {
      continue;
    }
    (final_name ? look.images : look.unfinished).push_back(it->path());
    std::error_code vanished; // renamed between listing and asking: the next look counts it
    const auto size = it->file_size(vanished);
    look.bytes += vanished ? 0 : size;
  }
  std::sort(look.images.begin(), look.images.end());
  std::sort(look.unfinished.begin(), look.unfinished.end());
  return look;
}

std::vector<Path> checkpoint_folders(const Path& images_dir) {
  std::vector<Path> folders;
  std::error_code error;
  for (fs::directory_iterator it(images_dir, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->path().filename().string().starts_with("ckpt_") && it->is_directory(ignored)) {
      folders.push_back(it->path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

SetState state_of(const FolderLook& look, const std::vector<std::optional<ImageHeader>>& headers) {
  if (!look.unfinished.empty() || headers.empty()) {
    return SetState::incomplete;
  }
  for (const auto& header : headers) {
    if (!header || !header->same_set(*headers.front())) {
      return SetState::inconsistent;
    }
  }
  const std::size_t expected = headers.front()->peers;
  if (headers.size() > expected) {
    return SetState::inconsistent;
  }
  return headers.size() == expected ? SetState::complete : SetState::incomplete;
}

SetState state_of(const FolderLook& look) {
  if (!look.unfinished.empty()) {
    return SetState::incomplete;
  }
  std::vector<std::optional<ImageHeader>> headers;
  headers.reserve(look.images.size());
  for (const auto& image : look.images) {
    headers.push_back(read_header(image));
  }
  return state_of(look, headers);
}

std::vector<Path> files_of_set(const Path& folder) {
  std::vector<Path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) {
      files.push_back(it->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace ckpt::engine::dmtcp
