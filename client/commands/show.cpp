#include "client/commands/details_verb.hpp"
#include "client/job_tables.hpp"

namespace ckpt::client {

void add_show(Cli& cli) {
  add_details_verb(cli,
                   {.name = "show",
                    .help = "Everything about a job: state, attempts, checkpoints, reasons",
                    .tell = &Output::details,
                    .footer = kGenerationsLegend});
}

} // namespace ckpt::client
