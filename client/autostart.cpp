#include "client/autostart.hpp"

#include "api/config.hpp"

namespace ckpt::client {

bool may_start_daemon(const Path& config_file, const api::Environment& env) {
  const auto config = api::Config::load(config_file, env);
  if (!config) {
    return true; // the daemon tells what is wrong
  }
  const std::string wish = config->text("daemon.autostart");
  return wish != "0" && wish != "false";
}

} // namespace ckpt::client
