#pragma once

#include "client/cli.hpp"

// One verb a file: its options, and what it does.

namespace ckpt::client {

void add_submit(Cli& cli);
void add_run(Cli& cli);
void add_ls(Cli& cli);
void add_show(Cli& cli);
void add_wait(Cli& cli);
void add_logs(Cli& cli);
void add_events(Cli& cli);
void add_checkpoint(Cli& cli);
void add_stop(Cli& cli);
void add_restart(Cli& cli);
void add_cancel(Cli& cli);
void add_gens(Cli& cli);
void add_ps(Cli& cli);
void add_coordinators(Cli& cli);
void add_daemon(Cli& cli);
void add_doctor(Cli& cli);
void add_config(Cli& cli);
void add_paths(Cli& cli);
void add_version(Cli& cli);

inline void add_all(Cli& cli) {
  for (const auto add : {add_submit,
                         add_run,
                         add_ls,
                         add_show,
                         add_wait,
                         add_logs,
                         add_events,
                         add_checkpoint,
                         add_stop,
                         add_restart,
                         add_cancel,
                         add_gens,
                         add_ps,
                         add_coordinators,
                         add_daemon,
                         add_doctor,
                         add_config,
                         add_paths,
                         add_version}) {
    add(cli);
  }
}

} // namespace ckpt::client
