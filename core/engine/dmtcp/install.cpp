#include "core/engine/dmtcp/install.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/engine/dmtcp/parse.hpp"

#include <unistd.h>

namespace ckpt::engine::dmtcp {
namespace {

tl::unexpected<Error> missing(const std::string& where) {
  return fail(ErrorClass::unusable,
              "engine_missing",
              "there is no DMTCP " + where,
              "set CKPT_DMTCP_ROOT or engine.dmtcp.root to its installation, or load its module");
}

tl::unexpected<Error> unusable(const std::string& why) {
  return fail(ErrorClass::unusable, "engine_unusable", why);
}

bool executable(const Path& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

Result<Path> find_bin(const std::string& root, const std::string& path_list) {
  if (!root.empty()) {
    const Path bin = Path(root) / "bin";
    return executable(bin / "dmtcp_launch") ? Result<Path>(bin) : missing("in " + bin.string());
  }
  for (const auto& folder : split(path_list, ':')) {
    if (!folder.empty() && executable(Path(folder) / "dmtcp_launch")) {
      std::error_code ignored; // a wrapper folder of links: the plugins lie beside the real one
      const Path real = std::filesystem::canonical(Path(folder) / "dmtcp_launch", ignored);
      return ignored ? Path(folder) : real.parent_path();
    }
  }
  return missing("in PATH");
}

Path find_unique_plugin(const Path& bin) {
  std::error_code ignored;
  for (const char* lib : {"lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"}) {
    const Path path = bin.parent_path() / lib / "dmtcp" / "libdmtcp_unique-ckpt.so";
    if (std::filesystem::exists(path, ignored)) {
      return path;
    }
  }
  return {};
}

} // namespace

Result<Install> find_install(const std::string& root, const std::string& path_list) {
  const auto bin = find_bin(root, path_list);
  if (!bin) {
    return tl::unexpected(bin.error());
  }
  Install install;
  install.bin = *bin;
  const auto answer = run_command(
      {.argv = {install.tool("dmtcp_launch"), "--version"}, .env = {}, .cwd = {}, .stdin_data = {}},
      {.timeout = seconds{10}});
  if (!answer) {
    return unusable(install.tool("dmtcp_launch") + " does not start: " + answer.error().message);
  }
  const auto version = parse_version(answer->out + answer->err);
  if (!version) {
    return unusable(install.tool("dmtcp_launch") + " --version tells no version (" +
                    answer->status.describe() + ")");
  }
  install.version = version->text;
  install.major = version->major;
  install.minor = version->minor;
  if (install.major < 3 || (install.major == 3 && install.minor < 1)) {
    return unusable("DMTCP " + install.version + " is too old: 3.1 or newer is needed");
  }
  for (const char* tool : {"dmtcp_coordinator", "dmtcp_command", "dmtcp_restart"}) {
    if (!executable(install.bin / tool)) {
      return unusable("DMTCP " + install.version + " is not complete: " + install.tool(tool) +
                      " is missing");
    }
  }
  if (install.major < 5) {
    install.unique_plugin = find_unique_plugin(install.bin);
    if (install.unique_plugin.empty()) {
      return unusable(
          "DMTCP " + install.version + " in " + install.bin.string() +
          " lacks libdmtcp_unique-ckpt.so: a checkpoint would overwrite the one before");
    }
  }
  return install;
}

} // namespace ckpt::engine::dmtcp
