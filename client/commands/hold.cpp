#include "client/commands/acting_verb.hpp"

namespace ckpt::client {

void add_hold(Cli& cli) {
  add_acting_verb(
      cli, {"hold", "Start no further attempt; what runs goes on", "held", &ApiClient::hold});
}

} // namespace ckpt::client
