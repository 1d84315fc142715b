#include "docs/man/environment.hpp"

#include "api/config_keys.hpp"

namespace ckpt::man {

void add_environment(Page& page) {
  page.section("Environment");
  for (const api::MoreVariable& variable : api::more_variables()) {
    page.item(bold(variable.name), variable.help);
  }
  for (const api::ConfigKey& key : api::config_keys()) {
    if (key.variable != nullptr) {
      page.item(bold(key.variable), "wins over the key `" + std::string(key.name) + "`");
    }
  }
}

} // namespace ckpt::man
