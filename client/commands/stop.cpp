#include "client/commands/ending_verb.hpp"

namespace ckpt::client {

void add_stop(Cli& cli) {
  add_ending_verb(cli,
                  {"stop",
                   "Checkpoint, free the allocation, park",
                   "stopped",
                   JobState::parked,
                   &ApiClient::stop});
}

} // namespace ckpt::client
