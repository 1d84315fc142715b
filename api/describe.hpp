#pragma once

#include "api/overview.hpp"

#include <concepts>
#include <type_traits>

// Names and members of each view, once for writing and reading. `archive(name, member)`.

namespace ckpt::api {

template <class V, class T>
concept Of = std::same_as<std::remove_const_t<V>, T>;

template <class Archive, Of<GenerationRef> V> void describe(Archive& archive, V& v) {
  archive("job", v.job);
  archive("generation", v.generation);
}

template <class Archive, Of<ProgressView> V> void describe(Archive& archive, V& v) {
  archive("what", v.what);
  archive("done_bytes", v.done_bytes);
  archive("total_bytes", v.total_bytes);
}

template <class Archive, Of<GenerationView> V> void describe(Archive& archive, V& v) {
  archive("id", v.id);
  archive("job", v.job);
  archive("state", v.state);
  archive("trigger", v.trigger);
  archive("reason", v.reason);
  archive("attempt", v.attempt);
  archive("parent", v.parent);
  archive("requested_at", v.requested_at);
  archive("frozen_at", v.frozen_at);
  archive("sealed_at", v.sealed_at);
  archive("bytes", v.bytes);
  archive("stored_bytes", v.stored_bytes);
  archive("blocked_seconds", v.blocked);
  archive("engine", v.engine);
  archive("engine_version", v.engine_version);
  archive("host", v.host);
  archive("pinned", v.pinned);
  archive("verified_at", v.verified_at);
  archive("progress", v.progress);
}

template <class Archive, Of<AttemptView> V> void describe(Archive& archive, V& v) {
  archive("n", v.n);
  archive("job", v.job);
  archive("scheduler_job_id", v.scheduler_job_id);
  archive("restart_count", v.restart_count);
  archive("node", v.node);
  archive("state", v.state);
  archive("reason", v.reason);
  archive("end_reason", v.end_reason);
  archive("submitted_at", v.submitted_at);
  archive("started_at", v.started_at);
  archive("ended_at", v.ended_at);
  archive("walltime_ends_at", v.walltime_ends_at);
  archive("started_from", v.started_from);
  archive("engine", v.engine);
  archive("engine_version", v.engine_version);
  archive("exit_code", v.exit_code);
  archive("signal", v.signal);
  archive("lost_seconds", v.lost);
}

template <class Archive, Of<AccountingView> V> void describe(Archive& archive, V& v) {
  archive("run_seconds", v.run);
  archive("lost_seconds", v.lost);
  archive("checkpoint_seconds", v.checkpoint);
  archive("queue_seconds", v.queue);
}

template <class Archive, Of<WarningView> V> void describe(Archive& archive, V& v) {
  archive("code", v.code);
  archive("message", v.message);
  archive("advice", v.advice);
  archive("first_seen", v.first_seen);
}

template <class Archive, Of<ArrayTaskView> V> void describe(Archive& archive, V& v) {
  archive("id", v.id);
  archive("index", v.index);
}

template <class Archive, Of<JobView> V> void describe(Archive& archive, V& v) {
  archive("id", v.id);
  archive("name", v.name);
  archive("array", v.array);
  archive("state", v.state);
  archive("reason", v.reason);
  archive("scheduler", v.scheduler);
  archive("engine_wish", v.engine_wish);
  archive("engine", v.engine);
  archive("created_at", v.created_at);
  archive("ended_at", v.ended_at);
  archive("exit_code", v.exit_code);
  archive("signal", v.signal);
  archive("tags", v.tags);
  archive("policy", v.policy);
  archive("argv", v.argv);
  archive("script_path", v.script_path);
  archive("cwd", v.cwd);
  archive("stdout_path", v.stdout_path);
  archive("stderr_path", v.stderr_path);
  archive("current_attempt", v.current_attempt);
  archive("attempts_count", v.attempts_count);
  archive("restarts_count", v.restarts_count);
  archive("generations_count", v.generations_count);
  archive("latest_generation", v.latest_generation);
  archive("next_checkpoint_at", v.next_checkpoint_at);
  archive("next_checkpoint_trigger", v.next_checkpoint_trigger);
  archive("accounting", v.accounting);
  archive("warnings", v.warnings);
}

template <class Archive, Of<ArrayView> V> void describe(Archive& archive, V& v) {
  archive("id", v.id);
  archive("tag", v.tag);
  archive("items", v.items);
}

template <class Archive, Of<CoordinatorView> V> void describe(Archive& archive, V& v) {
  archive("job", v.job);
  archive("attempt", v.attempt);
  archive("scheduler_job_id", v.scheduler_job_id);
  archive("engine", v.engine);
  archive("version", v.version);
  archive("host", v.host);
  archive("port", v.port);
  archive("pid", v.pid);
  archive("state", v.state);
  archive("started_at", v.started_at);
}

template <class Archive, Of<ProcessView> V> void describe(Archive& archive, V& v) {
  archive("pid", v.pid);
  archive("ppid", v.ppid);
  archive("name", v.name);
  archive("role", v.role);
  archive("state", v.state);
  archive("node", v.node);
  archive("resident_bytes", v.resident_bytes);
  archive("cpu_seconds", v.cpu);
}

template <class Archive, Of<EventView> V> void describe(Archive& archive, V& v) {
  archive("seq", v.seq);
  archive("at", v.at);
  archive("type", v.type);
  archive("job", v.job);
  archive("attempt", v.attempt);
  archive("generation", v.generation);
  archive("message", v.message);
  archive("by", v.by);
}

template <class Archive, Of<DaemonView> V> void describe(Archive& archive, V& v) {
  archive("version", v.version);
  archive("pid", v.pid);
  archive("host", v.host);
  archive("uid", v.uid);
  archive("cluster", v.cluster);
  archive("state_dir", v.state_dir);
  archive("config_path", v.config_path);
  archive("started_at", v.started_at);
  archive("epoch", v.epoch);
}

template <class Archive, Of<SchedulerView> V> void describe(Archive& archive, V& v) {
  archive("kind", v.kind);
  archive("version", v.version);
  archive("up", v.up);
  archive("detail", v.detail);
  archive("asked_at", v.asked_at);
}

template <class Archive, Of<EngineView> V> void describe(Archive& archive, V& v) {
  archive("engine", v.engine);
  archive("usable", v.usable);
  archive("version", v.version);
  archive("detail", v.detail);
}

template <class Archive, Of<StoreView> V> void describe(Archive& archive, V& v) {
  archive("path", v.path);
  archive("filesystem", v.filesystem);
  archive("available_bytes", v.available_bytes);
  archive("total_bytes", v.total_bytes);
}

template <class Archive, Of<DegradedView> V> void describe(Archive& archive, V& v) {
  archive("code", v.code);
  archive("message", v.message);
  archive("advice", v.advice);
  archive("since", v.since);
}

template <class Archive, Of<StatusView> V> void describe(Archive& archive, V& v) {
  archive("health", v.health);
  archive("daemon", v.daemon);
  archive("scheduler", v.scheduler);
  archive("engines", v.engines);
  archive("store", v.store);
  archive("jobs", v.jobs);
  archive("last_event_seq", v.last_event_seq);
  archive("degraded", v.degraded);
}

template <class Archive, class V>
requires Of<V, EventPage>
void describe(Archive& archive, V& v) {
  archive("items", v.items);
  archive("last_seq", v.last_seq);
}

template <class Archive, class View> void describe(Archive& archive, Page<View>& v) {
  archive("items", v.items);
  archive("next", v.next);
}
template <class Archive, class View> void describe(Archive& archive, const Page<View>& v) {
  archive("items", v.items);
  archive("next", v.next);
}

template <class Archive, Of<NodeView> V> void describe(Archive& archive, V& v) {
  archive("name", v.name);
  archive("state", v.state);
  archive("reason", v.reason);
  archive("partitions", v.partitions);
  archive("attempts_count", v.attempts_count);
  archive("refusals_count", v.refusals_count);
  archive("last_refusal", v.last_refusal);
  archive("last_seen_at", v.last_seen_at);
  archive("jobs", v.jobs);
}

template <class Archive, Of<CheckpointCount> V> void describe(Archive& archive, V& v) {
  archive("trigger", v.trigger);
  archive("outcome", v.outcome);
  archive("count", v.count);
}

template <class Archive, Of<SecondsSum> V> void describe(Archive& archive, V& v) {
  archive("count", v.count);
  archive("sum_seconds", v.sum);
  archive("max_seconds", v.max);
}

template <class Archive, Of<TotalsView> V> void describe(Archive& archive, V& v) {
  archive("run_seconds", v.run);
  archive("lost_seconds", v.lost);
  archive("saved_seconds", v.saved);
  archive("checkpoint_seconds", v.checkpoint);
  archive("queue_seconds", v.queue);
}

template <class Archive, Of<StatsView> V> void describe(Archive& archive, V& v) {
  archive("jobs", v.jobs);
  archive("checkpoints", v.checkpoints);
  archive("blocked", v.blocked);
  archive("raw_bytes", v.raw_bytes);
  archive("stored_bytes", v.stored_bytes);
  archive("accounting", v.accounting);
}

template <class Archive, Of<PrunedView> V> void describe(Archive& archive, V& v) {
  archive("job", v.job);
  archive("generation", v.generation);
  archive("stored_bytes", v.stored_bytes);
  archive("reason", v.reason);
}

} // namespace ckpt::api
