#include "api/config.hpp"

#include "api/config_keys.hpp"
#include "client/commands/commands.hpp"
#include "client/commands/show_paths.hpp"
#include "client/format.hpp"
#include "core/base/files.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {
namespace {

std::string origin_of(const Session& session, const char* variable, const std::string& otherwise) {
  return session.env_value(variable).empty() ? otherwise : variable;
}

/// What a daemon that starts now would heed.
int show_config(Session& session) {
  const auto paths = session.paths();
  if (!paths) {
    return session.fail(paths.error());
  }
  const auto config = api::Config::load(paths->config_file, session.env());
  if (!config) {
    return session.fail(config.error());
  }
  std::error_code error;
  const bool there = std::filesystem::exists(paths->config_file, error);
  std::vector<SettingLine> lines{
      {"config",
       paths->config_file.string(),
       "",
       origin_of(session, "CKPTD_CONFIG", "default") + (there ? "" : ", not there")},
      {"cluster",
       paths->cluster,
       "",
       session.cluster_is_chosen() ? "--cluster" : origin_of(session, "CKPTD_CLUSTER", "default")},
      {"state", paths->state_dir.string(), "", origin_of(session, "CKPTD_STATE_DIR", "default")}};
  for (const auto& [key, setting] : config->all()) {
    lines.push_back({key, setting.value, setting.unset, setting.origin});
    if (key == "store.path") {
      const auto store = api::find_store(*config, session.env(), *paths);
      lines.back().value = store.path.string();
      lines.back().origin = store.origin;
    }
  }
  for (SettingLine& line : lines) {
    line.origin = line.origin == paths->config_file ? "file" : line.origin;
  }
  session.out().settings(lines);
  if (const auto daemon = session.running_daemon()) {
    session.say("the daemon that runs heeds what there was when it started; `ckpt daemon restart` "
                "makes it read anew");
  }
  return 0;
}

/// A file that says what applies anyway: every key, behind a `#`.
std::string sample_file() {
  std::string text =
      "# ckptd's configuration. Behind a # stands what applies without it; `ckpt config "
      "show` tells\n# what does. Durations are texts: \"90s\", \"30m\", \"24h\".\n";
  std::string section;
  for (const api::ConfigKey& key : api::config_keys()) {
    const std::string name = key.name;
    const std::size_t dot = name.rfind('.');
    if (section != name.substr(0, dot)) {
      section = name.substr(0, dot);
      text += "\n[" + section + "]\n";
    }
    constexpr std::size_t kWidth = 96;
    for (const std::string& line : split_lines(wrapped(key.help, kWidth, 0))) {
      text += "# " + line + "\n";
    }
    text += "# " + name.substr(dot + 1) + " = \"" + key.fallback + "\"" +
            (*key.fallback == 0 ? "  # " + std::string(key.unset) : "") + "\n";
  }
  return text;
}

int init_config(Session& session) {
  const auto paths = session.paths();
  if (!paths) {
    return session.fail(paths.error());
  }
  const Path& file = paths->config_file;
  const Status made = make_directories(file.parent_path(), 0700);
  const Status written = made ? create_file_exclusively(file, sample_file()) : made;
  if (!written) {
    Error error = written.error();
    error.advice = error.code == "file_exists"
                       ? "It is left as it is; `ckpt config show` tells what "
                         "it sets."
                       : error.advice;
    return session.fail(error);
  }
  session.out().pairs({{"config", file.string()}});
  return 0;
}

} // namespace

void add_config(Cli& cli) {
  Verb verb = cli.verb("config", "Configuration");
  verb.verb("show", "Each value, and where it comes from").runs(show_config);
  verb.verb("paths", "The same as `ckpt paths`").runs(show_paths);
  verb.verb("init", "Write a file with every key and what applies without it").runs(init_config);
}

} // namespace ckpt::client
