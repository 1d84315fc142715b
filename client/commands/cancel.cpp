#include "client/commands/ending_verb.hpp"

namespace ckpt::client {

void add_cancel(Cli& cli) {
  add_ending_verb(cli,
                  {"cancel",
                   "End it for good, without a checkpoint; its checkpoints are kept",
                   "ended",
                   JobState::cancelled,
                   &ApiClient::cancel});
}

} // namespace ckpt::client
