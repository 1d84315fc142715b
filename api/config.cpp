#include "api/config.hpp"

#include "core/base/strings.hpp"
#include "core/domain/time.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <array>

namespace ckpt::api {
namespace {

enum class Kind { text, path, duration, scheduler, level };

struct Key {
  const char* name;
  Kind kind;
  const char* fallback;
  const char* variable;   ///< of the environment; or nullptr
  const char* unset = ""; ///< what applies where it is empty
};

constexpr std::array kKeys{
    Key{"store.path", Kind::path, "", "CKPTD_STORE"},
    Key{"scheduler.kind", Kind::scheduler, "auto", "CKPTD_SCHEDULER"},
    Key{"api.socket", Kind::path, "", nullptr, "in a folder of its own"},
    Key{"api.tcp", Kind::text, "auto", nullptr},
    Key{"engine.dmtcp.root", Kind::path, "", "CKPT_DMTCP_ROOT", "from PATH"},
    Key{"engine.criu.path", Kind::path, "", "CKPT_CRIU", "from PATH"},
    Key{"daemon.autostart", Kind::text, "true", "CKPTD_AUTOSTART"},
    Key{"daemon.idle_exit", Kind::duration, "30m", nullptr},
    Key{"daemon.log_level", Kind::level, "info", nullptr},
    Key{"poll.journal", Kind::duration, "1s", nullptr},
    Key{"poll.lease", Kind::duration, "15s", nullptr},
    Key{"poll.pending", Kind::duration, "", nullptr, "60s, local 2s"},
    Key{"poll.running", Kind::duration, "", nullptr, "5m, local 10s"},
    Key{"poll.after_act", Kind::duration, "", nullptr, "2s, local 200ms"},
    Key{"limits.lease", Kind::duration, "60s", nullptr},
    Key{"limits.absence", Kind::duration, "60s", nullptr},
    Key{"limits.submit_patience", Kind::duration, "90s", nullptr},
    Key{"limits.submit_retry", Kind::duration, "15s", nullptr},
    Key{"limits.act_repeat", Kind::duration, "15s", nullptr},
    Key{"limits.owner_silence", Kind::duration, "90s", nullptr},
};

const Key* find_key(const std::string& name) {
  for (const Key& key : kKeys) {
    if (name == key.name) {
      return &key;
    }
  }
  return nullptr;
}

Status check(const Key& key, const std::string& value, const std::string& where) {
  const auto wrong = [&](const std::string& why, const std::string& advice = "") {
    return fail(ErrorClass::usage, "config_value", where + ": " + key.name + ": " + why, advice);
  };
  switch (key.kind) {
  case Kind::text:
    return {};
  case Kind::path:
    return value.empty() || value.front() == '/' ? Status{}
                                                 : wrong("'" + value + "' is no absolute path");
  case Kind::duration: {
    if (value.empty()) {
      return {};
    }
    const auto parsed = parse_duration(value);
    return parsed ? Status{} : wrong(parsed.error().message, parsed.error().advice);
  }
  case Kind::scheduler:
    return value == "auto" || value == "slurm" || value == "local"
               ? Status{}
               : wrong("'" + value + "' is none of auto, slurm, local");
  case Kind::level:
    return value == "debug" || value == "info" || value == "warning" || value == "error"
               ? Status{}
               : wrong("'" + value + "' is none of debug, info, warning, error");
  }
  return {};
}

Status unknown_key(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const Key& key : kKeys) {
    known.emplace_back(key.name);
  }
  const std::string near = nearest(name, known);
  return fail(ErrorClass::usage,
              "config_unknown_key",
              where + ": unknown key '" + name + "'",
              near.empty() ? "known keys: " + join(known, ", ") : "did you mean '" + near + "'?");
}

using Flat = std::map<std::string, std::string>;

Status flatten(const toml::table& table, const std::string& prefix, const Path& file, Flat& flat) {
  for (const auto& [key, node] : table) {
    const std::string name =
        prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
    const std::string where = file.string() + ":" + std::to_string(node.source().begin.line);
    if (const toml::table* inner = node.as_table()) {
      if (const Status done = flatten(*inner, name, file, flat); !done) {
        return done;
      }
      continue;
    }
    const Key* known = find_key(name);
    if (known == nullptr) {
      return unknown_key(name, where);
    }
    std::string value;
    if (const auto text = node.value<std::string>(); node.is_string() && text) {
      value = *text;
    } else if (node.is_boolean()) {
      value = *node.value<bool>() ? "true" : "false";
    } else if (node.is_integer() && known->kind == Kind::text) {
      value = std::to_string(*node.value<std::int64_t>());
    } else {
      return fail(ErrorClass::usage,
                  "config_value",
                  where + ": " + name + " must be a text in quotes",
                  known->kind == Kind::duration ? "write a duration like \"90s\" or \"30m\"" : "");
    }
    if (const Status fine = check(*known, value, where); !fine) {
      return fine;
    }
    flat[name] = value;
  }
  return {};
}

} // namespace

Result<Config> Config::load(const Path& file, const std::map<std::string, std::string>& env) {
  Config config;
  for (const Key& key : kKeys) {
    config.settings_[key.name] = {key.fallback, "default", key.unset};
  }
  const auto content = read_file(file);
  if (!content && content.error().code != "no_such_file") {
    return tl::unexpected(content.error());
  }
  if (content) {
    const toml::parse_result parsed = toml::parse(*content, file.string());
    if (!parsed) {
      return fail(ErrorClass::usage,
                  "config_syntax",
                  file.string() + ":" + std::to_string(parsed.error().source().begin.line) + ": " +
                      std::string(parsed.error().description()));
    }
    Flat flat;
    if (const Status done = flatten(parsed.table(), "", file, flat); !done) {
      return tl::unexpected(done.error());
    }
    for (const auto& [name, value] : flat) {
      config.settings_[name] = {value, file.string(), config.settings_[name].unset};
    }
  }
  for (const Key& key : kKeys) {
    const auto found = key.variable == nullptr ? env.end() : env.find(key.variable);
    if (found == env.end() || found->second.empty()) {
      continue;
    }
    if (const Status fine = check(key, found->second, key.variable); !fine) {
      return tl::unexpected(fine.error());
    }
    config.settings_[key.name] = {found->second, key.variable, key.unset};
  }
  return config;
}

std::string Config::text(const std::string& key) const {
  return settings_.at(key).value;
}

Duration Config::duration(const std::string& key) const {
  return parse_duration(text(key)).value_or(Duration{0});
}

} // namespace ckpt::api
