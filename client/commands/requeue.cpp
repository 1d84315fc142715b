#include "client/commands/acting_verb.hpp"

namespace ckpt::client {

void add_requeue(Cli& cli) {
  add_acting_verb(cli,
                  {"requeue",
                   "Checkpoint, leave the allocation, go on in another one",
                   "moves to another allocation",
                   &ApiClient::requeue});
}

} // namespace ckpt::client
