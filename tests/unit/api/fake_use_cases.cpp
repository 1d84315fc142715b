#include "tests/unit/api/fake_use_cases.hpp"

#include <algorithm>

namespace ckpt::test {
namespace {

TimePoint at(std::int64_t seconds_since) {
  return TimePoint(seconds{seconds_since});
}

constexpr std::int64_t kStart = 1'790'000'000;

} // namespace

api::GenerationView sample_generation() {
  api::GenerationView view;
  view.id = GenerationId{3};
  view.job = JobId{7};
  view.state = GenerationState::sealed;
  view.trigger = Trigger::before_walltime;
  view.attempt = AttemptId{2};
  view.parent = GenerationId{1};
  view.requested_at = at(kStart + 50);
  view.frozen_at = at(kStart + 51);
  view.sealed_at = at(kStart + 55);
  view.bytes = 560'000'000;
  view.stored_bytes = 213'000'000;
  view.blocked = milliseconds{900};
  view.engine = EngineKind::dmtcp;
  view.engine_version = "4.2.0";
  view.host = "n1";
  return view;
}

api::AttemptView sample_attempt() {
  api::AttemptView view;
  view.n = AttemptId{2};
  view.job = JobId{7};
  view.scheduler_job_id = SchedulerJobId{"4711"};
  view.restart_count = 1;
  view.node = "n2";
  view.state = AttemptState::running;
  view.started_at = at(kStart);
  view.walltime_ends_at = at(kStart + 86400);
  view.started_from = GenerationRef{JobId{7}, GenerationId{1}};
  view.engine = EngineKind::dmtcp;
  view.engine_version = "4.2.0";
  view.lost = milliseconds{1500};
  return view;
}

api::JobView sample_job() {
  api::JobView view;
  view.id = JobId{7};
  view.name = "simulation";
  view.state = JobState::running;
  view.scheduler = SchedulerKind::slurm;
  view.engine = EngineKind::dmtcp;
  view.created_at = at(kStart - 100);
  view.tags = {{"project", "ice"}};
  view.policy.every.kind = Interval::Kind::fixed;
  view.policy.every.every = minutes{30};
  view.argv = {"./simulate", "input.dat", "odd \xff byte"};
  view.cwd = "/home/u";
  view.stdout_path = "/home/u/slurm-4711.out";
  view.stderr_path = view.stdout_path;
  view.current_attempt = sample_attempt();
  view.attempts_count = 2;
  view.restarts_count = 1;
  view.generations_count = 2;
  view.latest_generation = sample_generation();
  view.next_checkpoint_at = at(kStart + 1800);
  view.next_checkpoint_trigger = Trigger::interval;
  view.accounting = {seconds{100}, seconds{5}, milliseconds{1500}, seconds{60}};
  view.warnings = {
      {"outside_sockets", "it talks to 10.0.0.1:5432, which a restart cannot restore"}};
  return view;
}

api::EventView sample_event() {
  api::EventView view;
  view.seq = 17;
  view.at = at(kStart + 55);
  view.type = "checkpoint_sealed";
  view.job = JobId{7};
  view.attempt = AttemptId{2};
  view.generation = GenerationId{3};
  view.message = "g3 sealed";
  view.by = "runner";
  return view;
}

api::StatusView sample_status() {
  api::StatusView view;
  view.health = "degraded";
  view.daemon.version = "0.1.0";
  view.daemon.pid = 42;
  view.daemon.host = "login1";
  view.daemon.uid = 1000;
  view.daemon.cluster = "tiny";
  view.daemon.state_dir = "/home/u/.local/state/ckptd/tiny";
  view.daemon.started_at = at(kStart);
  view.daemon.epoch = 3;
  view.scheduler = {SchedulerKind::slurm, "slurm 22.05.8", true, "slurmctld is up", at(kStart)};
  view.engines = {{EngineKind::dmtcp, true, "4.2.0", "/opt/dmtcp"},
                  {EngineKind::criu, false, "", "criu check failed"}};
  view.store = {"/scratch/u/ckptd", "lustre", 900'000'000'000, 1'000'000'000'000};
  view.jobs = {{"running", 1}, {"queued", 0}};
  view.last_event_seq = 17;
  view.degraded = {{"no_proof", "no checkpoint yet", "Wait a moment.", at(kStart)}};
  return view;
}

api::CoordinatorView sample_coordinator() {
  return {JobId{7},
          AttemptId{2},
          SchedulerJobId{"4711"},
          EngineKind::dmtcp,
          "4.2.0",
          "n2",
          41234,
          4321,
          "running",
          at(kStart)};
}

api::ProcessView sample_process() {
  return {4711, 4700, "simulate", "program", "running", "n2", 512'000'000, seconds{99}};
}

api::NodeView sample_node() {
  return {"n1", "mixed", "", {"main", "long"}, 3, 1, "no avx512f", at(kStart), {"j-7"}};
}

api::StatsView sample_stats() {
  api::StatsView view;
  view.jobs = {{"running", 1}};
  view.checkpoints = {{Trigger::interval, "sealed", 12}};
  view.blocked = {12, seconds{3}, seconds{1}};
  view.raw_bytes = 1000;
  view.stored_bytes = 300;
  view.accounting = {hours{20}, minutes{3}, hours{19}, seconds{3}, hours{1}};
  return view;
}

Status FakeUseCases::seen(const std::string& asked) {
  ++calls;
  const std::lock_guard lock(mutex);
  selector = asked;
  if (asked == "j-7" || asked == "my job/1" || asked == "last" ||
      (!known_as.empty() && asked == known_as)) {
    return {};
  }
  return fail(ErrorClass::not_found, "no_such_job", "there is no job " + asked, "Type `ckpt ls`.");
}

Result<api::JobView> FakeUseCases::submit(const api::SubmitRequest& request) {
  ++calls;
  const std::lock_guard lock(mutex);
  submitted = request;
  idempotency_key = request.idempotency_key;
  if (request.spec.name == "taken") {
    return fail(ErrorClass::conflict, "name_taken", "there is one", "Type `ckpt restart taken`.");
  }
  return the_job;
}

Result<api::ArrayView> FakeUseCases::submit_array(const api::ArrayRequest& request) {
  const auto job = submit(request.job);
  if (!job) {
    return tl::unexpected(job.error());
  }
  indexes = request.indexes;
  api::JobView first = *job;
  first.array = api::ArrayTaskView{first.id, 1};
  first.name = "sim_1";
  first.current_attempt = sample_attempt();
  first.current_attempt->scheduler_job_id = {"24_1"};
  api::JobView second = first;
  second.id = JobId{first.id.value + 1};
  second.array->index = 2;
  second.name = "sim_2";
  second.current_attempt->scheduler_job_id = {"24_2"};
  return api::ArrayView{first.id, {{"array", first.id.str()}}, {first, second}};
}

Result<api::Page<api::JobView>> FakeUseCases::list_jobs(const api::JobFilter& asked) {
  const std::lock_guard lock(mutex);
  filter = asked;
  if (asked.after) {
    return api::Page<api::JobView>{};
  }
  std::vector<api::JobView> page;
  for (const api::JobView& one : listed) {
    const bool meant =
        asked.states.empty() ||
        std::find(asked.states.begin(), asked.states.end(), one.state) != asked.states.end();
    if (meant || !heeds_states) {
      page.push_back(one);
    }
  }
  return api::Page<api::JobView>{page, "j-7"};
}

Result<api::JobView> FakeUseCases::get_job(const std::string& asked) {
  return seen(asked).map([this] { return the_job; });
}
Result<std::vector<api::AttemptView>> FakeUseCases::attempts(const std::string& asked) {
  return seen(asked).map([] { return std::vector{sample_attempt()}; });
}
Result<std::vector<api::GenerationView>> FakeUseCases::generations(const std::string& asked) {
  return seen(asked).map([this] { return kept; });
}
Result<api::GenerationView> FakeUseCases::generation(const std::string& asked, GenerationId id) {
  if (id != GenerationId{3}) {
    return fail(ErrorClass::not_found, "no_such_generation", "there is no " + id.str(), "");
  }
  return seen(asked).map([] { return sample_generation(); });
}
Result<std::vector<api::ProcessView>> FakeUseCases::processes(const std::string& asked) {
  return seen(asked).map([] { return std::vector{sample_process()}; });
}
Result<std::vector<api::CoordinatorView>> FakeUseCases::coordinators() {
  return std::vector{sample_coordinator()};
}

Result<api::GenerationView> FakeUseCases::checkpoint(const std::string& asked,
                                                     const api::CheckpointRequest& request) {
  {
    const std::lock_guard lock(mutex);
    checkpointed = request;
  }
  return seen(asked).map([&] {
    api::GenerationView view = sample_generation();
    view.state = request.wait > Duration{0} ? GenerationState::sealed : GenerationState::requested;
    return view;
  });
}

Result<api::JobView> FakeUseCases::stop(const std::string& asked, const api::StopRequest& request) {
  return seen(asked).map([&] {
    api::JobView view = sample_job();
    view.state = request.wait > Duration{0} ? JobState::parked : JobState::stopping;
    return view;
  });
}

Result<api::JobView> FakeUseCases::change_policy(const std::string& asked,
                                                 const api::PolicyRequest& request) {
  {
    const std::lock_guard lock(mutex);
    policy = request;
  }
  return get_job(asked);
}

Result<api::GenerationView>
FakeUseCases::pin(const std::string& asked, GenerationId id, bool pinned) {
  return generation(asked, id).map([&](api::GenerationView view) {
    view.pinned = pinned;
    return view;
  });
}

Result<api::GenerationView>
FakeUseCases::verify(const std::string& asked, GenerationId id, Duration wait) {
  return generation(asked, id).map([&](api::GenerationView view) {
    if (wait == Duration{0}) {
      view.progress = api::ProgressView{"verifying", 10, 300};
    }
    return view;
  });
}

Result<std::vector<api::PrunedView>> FakeUseCases::prune(const api::PruneRequest& request) {
  const std::lock_guard lock(mutex);
  pruned = request;
  return std::vector{api::PrunedView{JobId{7}, GenerationId{1}, 300, "beyond keep 2"}};
}

Result<api::JobView> FakeUseCases::restart(const std::string& asked,
                                           const api::RestartRequest& request) {
  {
    const std::lock_guard lock(mutex);
    restarted = request;
  }
  return seen(asked).map([] { return sample_job(); });
}

Result<api::JobView> FakeUseCases::fork(const std::string& asked, const api::ForkRequest& request) {
  {
    const std::lock_guard lock(mutex);
    forked = request;
  }
  return seen(asked).map([] { return sample_job(); });
}

Result<api::JobView> FakeUseCases::cancel(const std::string& asked, const api::CancelRequest&) {
  if (the_job.state == JobState::completed) {
    return fail(ErrorClass::conflict, "job_completed", "j-7 is completed", "");
  }
  return seen(asked).map([] {
    api::JobView view = sample_job();
    view.state = JobState::cancelled;
    return view;
  });
}

Result<api::EventPage> FakeUseCases::events(const api::EventFilter& asked) {
  std::unique_lock lock(mutex);
  event_filter = asked;
  if (asked.after && *asked.after < 17) {
    return api::EventPage{{sample_event()}, 17};
  }
  ++waiting;
  const auto newer = [&] {
    return !history.empty() && (!asked.after || history.back().seq > *asked.after);
  };
  released_changed_.wait_for(
      lock, asked.wait, [&] { return released_ || (asked.after && newer()); });
  --waiting;
  api::EventPage page{{}, history.empty() ? 17 : history.back().seq};
  for (const api::EventView& event : history) {
    if (asked.after && event.seq > *asked.after) {
      page.items.push_back(event);
    }
  }
  return page;
}

Result<api::OutputChunk> FakeUseCases::output(const std::string& asked,
                                              const api::OutputRequest& request) {
  {
    const std::lock_guard lock(mutex);
    output_request = request;
  }
  if (silent_turns > 0) {
    --silent_turns;
    return seen(asked).map([] { return api::OutputChunk{}; });
  }
  return seen(asked).map([&] {
    const std::string text = std::string("line 1\nbinary \0\xff\n", 17);
    const std::uint64_t offset = std::min<std::uint64_t>(request.offset, text.size());
    return api::OutputChunk{text.substr(offset, request.limit), offset, text.size(), true};
  });
}

void FakeUseCases::happens(std::int64_t seq, JobId job) {
  const std::lock_guard lock(mutex);
  api::EventView event = sample_event();
  event.seq = seq;
  event.job = job;
  history.push_back(event);
  released_changed_.notify_all();
}

void FakeUseCases::release() {
  const std::lock_guard lock(mutex);
  released_ = true;
  released_changed_.notify_all();
}

} // namespace ckpt::test
