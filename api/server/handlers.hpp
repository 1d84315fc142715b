#pragma once

#include "api/server/routes.hpp"

// decode → call a use case → encode.

namespace ckpt::api {

Result<Reply> handle_health(UseCases& use_cases, const Call& call);
Result<Reply> handle_status(UseCases& use_cases, const Call& call);
Result<Reply> handle_list_jobs(UseCases& use_cases, const Call& call);
Result<Reply> handle_submit(UseCases& use_cases, const Call& call);
Result<Reply> handle_submit_array(UseCases& use_cases, const Call& call);
Result<Reply> handle_get_job(UseCases& use_cases, const Call& call);
Result<Reply> handle_attempts(UseCases& use_cases, const Call& call);
Result<Reply> handle_processes(UseCases& use_cases, const Call& call);
Result<Reply> handle_generations(UseCases& use_cases, const Call& call);
Result<Reply> handle_generation(UseCases& use_cases, const Call& call);
Result<Reply> handle_output(UseCases& use_cases, const Call& call);
Result<Reply> handle_checkpoint(UseCases& use_cases, const Call& call);
Result<Reply> handle_stop(UseCases& use_cases, const Call& call);
Result<Reply> handle_fork(UseCases& use_cases, const Call& call);
Result<Reply> handle_restart(UseCases& use_cases, const Call& call);
Result<Reply> handle_cancel(UseCases& use_cases, const Call& call);
Result<Reply> handle_coordinators(UseCases& use_cases, const Call& call);
Result<Reply> handle_events(UseCases& use_cases, const Call& call);
Result<Reply> handle_description(UseCases& use_cases, const Call& call);

// care_handlers.cpp
Result<Reply> handle_hold(UseCases& use_cases, const Call& call);
Result<Reply> handle_release(UseCases& use_cases, const Call& call);
Result<Reply> handle_requeue(UseCases& use_cases, const Call& call);
Result<Reply> handle_policy(UseCases& use_cases, const Call& call);
Result<Reply> handle_remove_job(UseCases& use_cases, const Call& call);
Result<Reply> handle_pin(UseCases& use_cases, const Call& call);
Result<Reply> handle_verify(UseCases& use_cases, const Call& call);
Result<Reply> handle_remove_generation(UseCases& use_cases, const Call& call);
Result<Reply> handle_prune(UseCases& use_cases, const Call& call);
Result<Reply> handle_nodes(UseCases& use_cases, const Call& call);
Result<Reply> handle_stats(UseCases& use_cases, const Call& call);
Result<Reply> handle_metrics(UseCases& use_cases, const Call& call);

} // namespace ckpt::api
