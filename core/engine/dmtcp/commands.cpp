#include "core/engine/dmtcp/commands.hpp"

namespace ckpt::engine::dmtcp {
namespace {

// -q twice: no notes and no warnings in the program's own standard error.
Words join_coordinator(const Install& install, const std::string& tool, int port) {
  return {install.tool(tool), "-q", "-q", "-j", "-h", kHost, "-p", std::to_string(port)};
}

} // namespace

Words coordinator_command(const Install& install,
                          const Path& port_file,
                          const Path& images_dir,
                          const Path& tmp_dir) {
  return {install.tool("dmtcp_coordinator"),
          "-q",
          "-q",
          "--coord-port",
          "0",
          "--port-file",
          port_file.string(),
          "--ckptdir",
          images_dir.string(),
          "--tmpdir",
          tmp_dir.string()};
}

Words launch_command(const Install& install,
                     int port,
                     const Path& images_dir,
                     const Path& tmp_dir,
                     const Path& inside,
                     const std::vector<std::string>& program) {
  Words words = join_coordinator(install, "dmtcp_launch", port);
  words.insert(words.end(),
               {"--ckptdir", images_dir.string(), "--tmpdir", tmp_dir.string(), "--no-gzip"});
  std::string plugins = inside.string();
  if (install.major >= 5) {
    words.emplace_back("--enable-unique-checkpoint-filenames");
  } else {
    plugins += (plugins.empty() ? "" : ":") + install.unique_plugin.string();
  }
  if (!plugins.empty()) {
    words.insert(words.end(), {"--with-plugin", plugins});
  }
  words.insert(words.end(), program.begin(), program.end());
  return words;
}

Words restart_command(const Install& install,
                      int port,
                      const Path& images_dir,
                      const Path& tmp_dir,
                      const std::vector<Path>& images) {
  Words words = join_coordinator(install, "dmtcp_restart", port);
  words.insert(words.end(), {"--ckptdir", images_dir.string(), "--tmpdir", tmp_dir.string()});
  for (const auto& image : images) {
    words.push_back(image.string());
  }
  return words;
}

Words ask_command(const Install& install, int port, const std::string& what) {
  return {install.tool("dmtcp_command"), "-h", kHost, "-p", std::to_string(port), what};
}

bool tells_of_a_broken_process(std::string_view messages) {
  // 4.x: "[date, pid, tid, Error] at file.cpp:1 in f; REASON='JASSERT(…) failed"; 5.0: "ASSERT at
  // …".
  return messages.find(", Error] at ") != std::string_view::npos ||
         messages.starts_with("ASSERT at ") ||
         messages.find("\nASSERT at ") != std::string_view::npos;
}

bool stderr_tells_of_a_refused_process(std::string_view text) {
  const std::size_t at = text.find("ASSERT at coordinatorapi.cpp:");
  return at != std::string_view::npos &&
         text.find("Connection rejected by the coordinator", at) != std::string_view::npos;
}

bool log_tells_of_one_turned_away(std::string_view log) {
  return log.find("rejecting new connection") != std::string_view::npos;
}

std::map<std::string, std::string> clean_environment(std::map<std::string, std::string> env) {
  std::erase_if(env, [](const auto& entry) { return entry.first.starts_with("DMTCP_"); });
  return env;
}

} // namespace ckpt::engine::dmtcp
