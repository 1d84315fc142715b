#pragma once

#include "client/cli.hpp"

// One verb a file: its options, and what it does.

namespace ckpt::client {

void add_submit(Cli& cli);
void add_sbatch(Cli& cli);
void add_run(Cli& cli);
void add_ls(Cli& cli);
void add_show(Cli& cli);
void add_wait(Cli& cli);
void add_logs(Cli& cli);
void add_events(Cli& cli);
void add_checkpoint(Cli& cli);
void add_stop(Cli& cli);
void add_restart(Cli& cli);
void add_fork(Cli& cli);
void add_cancel(Cli& cli);
void add_gens(Cli& cli);
void add_hold(Cli& cli);
void add_release(Cli& cli);
void add_requeue(Cli& cli);
void add_policy(Cli& cli);
void add_pin(Cli& cli);
void add_unpin(Cli& cli);
void add_verify(Cli& cli);
void add_prune(Cli& cli);
void add_rm(Cli& cli);
void add_nodes(Cli& cli);
void add_stats(Cli& cli);
void add_why(Cli& cli);
void add_watch(Cli& cli);
void add_ps(Cli& cli);
void add_coordinators(Cli& cli);
void add_daemon(Cli& cli);
void add_dashboard(Cli& cli);
void add_doctor(Cli& cli);
void add_trial(Cli& cli);
void add_config(Cli& cli);
void add_paths(Cli& cli);
void add_completion(Cli& cli);
void add_version(Cli& cli);

inline void add_all(Cli& cli) {
  for (const auto add :
       {add_submit,    add_sbatch, add_run,    add_ls,     add_show,         add_why,
        add_watch,     add_wait,   add_logs,   add_events, add_checkpoint,   add_stop,
        add_restart,   add_fork,   add_cancel, add_gens,   add_hold,         add_release,
        add_requeue,   add_policy, add_pin,    add_unpin,  add_verify,       add_prune,
        add_rm,        add_nodes,  add_stats,  add_ps,     add_coordinators, add_daemon,
        add_dashboard, add_doctor, add_trial,  add_config, add_paths,        add_completion,
        add_version}) {
    add(cli);
  }
}

} // namespace ckpt::client
