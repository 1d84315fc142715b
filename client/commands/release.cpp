#include "client/commands/acting_verb.hpp"

namespace ckpt::client {

void add_release(Cli& cli) {
  add_acting_verb(cli, {"release", "Take a hold back", "released", &ApiClient::release});
}

} // namespace ckpt::client
