#include "client/commands/details_verb.hpp"

namespace ckpt::client {

void add_why(Cli& cli) {
  add_details_verb(
      cli,
      {"why", "In a few sentences: why a job waits, was parked, or failed", &Output::why, true});
}

} // namespace ckpt::client
