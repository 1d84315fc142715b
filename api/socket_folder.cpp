#include "api/endpoint.hpp"
#include "core/base/strings.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace ckpt::api {
namespace {

/// FNV-1a: the same name for the same state folder, in every version.
std::string short_hash(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::array<char, 17> digits{};
  (void)std::snprintf(
      digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return std::string(digits.data(), 12);
}

bool is_folder_of_ours(const std::string& path) {
  struct stat info {};
  return !path.empty() && path.front() == '/' && stat(path.c_str(), &info) == 0 &&
         S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 022U) == 0;
}

tl::unexpected<Error> exposed(const Path& folder) {
  return fail(ErrorClass::refused,
              "socket_folder_exposed",
              folder.string() + " is not a folder of yours that only you can write to",
              "Set api.socket in the configuration to a file in a folder of your own.");
}

} // namespace

Status prepare_socket_folder(const Path& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::unexpected(errno_error(errno, "make the socket's folder", folder));
  }
  if (auto ours = check_socket_folder(folder); !ours) {
    return ours;
  }
  // A umask can have taken bits away, and an older folder may be readable by others.
  if (chmod(folder.c_str(), 0700) != 0) {
    return tl::unexpected(errno_error(errno, "set the mode of", folder));
  }
  return {};
}

Status check_socket_folder(const Path& folder) {
  struct stat info {};
  if (lstat(folder.c_str(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "look at the socket's folder", folder));
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 022U) != 0) {
    return exposed(folder);
  }
  return {};
}

namespace {

/// The usual names, best first.
std::vector<Path> usual_folders(const Environment& env, const Path& state_dir) {
  const std::string hash = short_hash(state_dir.lexically_normal().string());
  std::vector<Path> folders;
  const auto runtime = env.find("XDG_RUNTIME_DIR");
  if (runtime != env.end() && is_folder_of_ours(runtime->second)) {
    folders.push_back(Path(runtime->second) / ("ckptd-" + hash));
  }
  folders.emplace_back("/tmp/ckptd-" + std::to_string(geteuid()) + "-" + hash);
  return folders;
}

} // namespace

Result<Path> make_socket_folder(const Environment& env, const Path& state_dir) {
  const std::vector<Path> usual = usual_folders(env, state_dir);
  for (const Path& folder : usual) {
    if (prepare_socket_folder(folder)) {
      return folder;
    }
  }
  // A stranger sits on the name; endpoint.json tells the client where we are instead.
  Path other = usual.back().string() + "-" + random_hex(4);
  if (auto made = prepare_socket_folder(other); !made) {
    return tl::unexpected(made.error());
  }
  return other;
}

void remove_socket_folder(const Environment& env, const Path& state_dir, const Path& folder) {
  for (const Path& usual : usual_folders(env, state_dir)) {
    if (folder == usual || folder.string().starts_with(usual.string() + "-")) {
      (void)rmdir(folder.c_str()); // not if something is in it
      return;
    }
  }
}

} // namespace ckpt::api
