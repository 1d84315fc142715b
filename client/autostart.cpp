#include "client/autostart.hpp"

#include "core/base/files.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace ckpt::client {
namespace {

bool is_no(const std::string& text) {
  return text == "0" || text == "false";
}

} // namespace

bool may_start_daemon(const Path& config_file, const api::Environment& env) {
  if (const auto found = env.find("CKPTD_AUTOSTART");
      found != env.end() && !found->second.empty()) {
    return !is_no(found->second);
  }
  const auto content = read_file(config_file);
  const toml::parse_result parsed = toml::parse(content.value_or(""), config_file.string());
  if (!parsed) {
    return true;
  }
  const auto wish = parsed.table().at_path("daemon.autostart");
  if (const auto flag = wish.value<bool>(); flag && wish.is_boolean()) {
    return *flag;
  }
  return !is_no(wish.value_or(std::string()));
}

} // namespace ckpt::client
