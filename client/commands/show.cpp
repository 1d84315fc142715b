#include "client/commands/details_verb.hpp"

namespace ckpt::client {

void add_show(Cli& cli) {
  add_details_verb(
      cli,
      {"show", "Everything about a job: state, attempts, checkpoints, reasons", &Output::details});
}

} // namespace ckpt::client
