#pragma once

#include "core/json/json.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/journal.hpp"
#include "daemon/commands.hpp"
#include "daemon/notifier.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_scheduler.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace ckpt::daemon::test {

using ckpt::test::FakeClock;
using ckpt::test::FakeScheduler;

class TempFolder {
public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ckptd-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  Path path() const { return path_; }

private:
  Path path_;
};

class InlineExecutor final : public Executor {
public:
  void run(std::function<void()> blocking, std::function<void()> then) override {
    blocking();
    then();
  }
};

/// What went out to people, in a daemon's life and behind it.
class FakeMessenger final : public Messenger {
public:
  Status deliver(const Message& message, const scheduler::MailSite& site) override {
    ++tries;
    last_site = site;
    if (!refusal.empty()) {
      return fail(ErrorClass::failed, "message_not_sent", refusal, "", Outcome::retryable);
    }
    sent.push_back(message);
    return {};
  }
  std::vector<Message> sent;
  int tries = 0;
  std::string refusal; ///< why it refuses; empty: it does not
  scheduler::MailSite last_site;
};

/// What a runner would write, by hand.
class ScriptedRunner {
public:
  ScriptedRunner(store::JobFolder folder, const store::Claim& claim, const Clock& clock)
      : attempt_(folder.attempt(claim.attempt)), journal_(attempt_.journal()), clock_(clock),
        n(claim.attempt) {
    renew();
  }
  void renew() { REQUIRE(attempt_.renew_lease({++renewals_, "boot", 7, clock_.now()})); }
  void write(store::AttemptEvent event) {
    event.at = clock_.now();
    REQUIRE(journal_.append(event));
  }
  void write(store::AttemptEventKind kind) {
    store::AttemptEvent event;
    event.kind = kind;
    write(event);
  }
  void seal(GenerationId id, Trigger trigger) {
    store::AttemptEvent event;
    event.kind = store::AttemptEventKind::checkpoint_started;
    event.generation = id;
    event.trigger = trigger;
    write(event);
    event.kind = store::AttemptEventKind::checkpoint_sealed;
    event.bytes = 1000;
    event.blocked = milliseconds{20};
    write(event);
  }
  void end(EndReason reason, std::optional<int> code = {}, const std::string& why = {}) {
    store::AttemptEvent event;
    event.kind = store::AttemptEventKind::ended;
    event.end_reason = reason;
    event.exit_code = code;
    event.reason = why;
    write(event);
  }
  store::AttemptFolder& folder() { return attempt_; }

private:
  store::AttemptFolder attempt_;
  store::AttemptJournal journal_;
  const Clock& clock_;
  std::int64_t renewals_ = 0;

public:
  AttemptId n;
};

/// A world with a real store and registry, a scheduler and clock in memory, and a daemon in it that
/// can be killed and started again.
class World {
public:
  World() : World(Path{}) {}
  /// In a folder that outlives it.
  explicit World(const Path& folder)
      : root_(folder.empty() ? own_folder_.emplace().path() : folder),
        store_(*store::Store::open(root_ / "store")), scheduler(clock) {
    start_daemon();
  }

  /// A real one, of one image, and what its runner says of it.
  GenerationId seal(JobId job,
                    ScriptedRunner& runner,
                    Trigger trigger,
                    std::optional<GenerationId> parent = {}) {
    const store::Generations generations(folder(job).path());
    Manifest draft;
    draft.job = job;
    draft.id = *generations.allocate();
    draft.attempt = runner.n;
    draft.parent = parent;
    draft.trigger = trigger;
    draft.engine = {EngineKind::criu, "4.2.1"};
    draft.host.host = "n1";
    draft.blocked = milliseconds{20};
    draft.frozen_at = draft.sealed_at = clock.now();
    const Path image = folder(job).attempt(runner.n).images() / ("set-" + draft.id.str()) / "image";
    REQUIRE(make_directories(image.parent_path()));
    REQUIRE(write_file_atomically(image, std::string(1000, 'x')));
    StoredFile file;
    file.path = image.lexically_relative(folder(job).path()).string();
    draft.images = {file};
    const auto sealed = generations.seal(draft);
    REQUIRE_MESSAGE(sealed, (sealed ? "" : sealed.error().message));
    runner.seal(draft.id, trigger);
    return draft.id;
  }

  void stop_daemon() {
    notifier.reset();
    commands.reset();
    reconciler.reset();
    registry.reset();
  }
  Path registry_file() const { return root_ / "registry.db"; }

  void start_daemon(bool rebuild = false) {
    stop_daemon();
    if (rebuild) {
      std::filesystem::remove(root_ / "registry.db");
      std::filesystem::remove(root_ / "registry.db-wal");
    }
    auto opened = Registry::open(root_ / "registry.db");
    REQUIRE(opened);
    registry = *std::move(opened);
    ReconcilerConfig config;
    config.runner = "/opt/bin/ckpt-runner";
    config.poll = poll;
    config.tells_command = tells_command;
    reconciler = std::make_unique<Reconciler>(
        Reconciler::Ports{*registry, store_, scheduler, executor_, clock}, config);
    commands = std::make_unique<Commands>(*reconciler, CommandsConfig{});
    notifier = std::make_unique<Notifier>(
        *reconciler, executor_, messenger, [this](JobId id) { return commands->view(id); });
    REQUIRE(reconciler->recover(rebuild));
  }

  JobId submit(const std::string& name = "count", const std::string& key = {}) {
    const auto id = commands->submit(request(name, key));
    REQUIRE_MESSAGE(id, (id ? "" : id.error().message));
    return *id;
  }
  api::SubmitRequest request(const std::string& name, const std::string& key = {}) const {
    api::SubmitRequest wanted;
    wanted.spec.name = name;
    wanted.spec.argv = {"/bin/sh", "-c", "true"};
    wanted.spec.env = {{"PATH", "/usr/bin:/bin"}};
    wanted.spec.cwd = "/";
    wanted.spec.time_limit = hours{1};
    wanted.idempotency_key = key;
    return wanted;
  }

  /// One second of the world: the scheduler moves, the daemon looks.
  void pass(Duration duration = seconds{1}) {
    const MonoTime end = clock.monotonic() + duration;
    while (clock.monotonic() < end) {
      clock.pass(std::min<Duration>(seconds{1}, duration));
      scheduler.advance();
      reconciler->tick();
      notifier->tick();
    }
  }

  api::JobView view(JobId id) const {
    const auto found = commands->view(id);
    REQUIRE(found);
    return *found;
  }
  JobState state(JobId id) const { return view(id).state; }
  store::JobFolder folder(JobId id) const { return store_.job(id); }

  /// The token that the newest allocation's batch.sh was written with.
  SubmissionToken token(const SchedulerJobId& id) const {
    return scheduler.jobs.at(id).submission.token;
  }
  SchedulerJobId newest_allocation() const { return scheduler.jobs.rbegin()->first; }

  Result<store::Claim> try_claim(JobId job, const SchedulerJobId& id) const {
    store::Claim wish;
    wish.token = token(id);
    wish.scheduler_job_id = id;
    wish.restart_count = scheduler.jobs.at(id).allocation.restart_count;
    wish.host = scheduler.jobs.at(id).allocation.node;
    wish.boot_id = "boot";
    wish.pid = 7;
    wish.start_ticks = 1;
    wish.at = clock.now();
    return folder(job).claim(wish);
  }
  /// The runner of a running allocation, with its program started.
  ScriptedRunner begin(JobId job, const SchedulerJobId& id) {
    REQUIRE(scheduler.jobs.at(id).allocation.state == AllocationState::running);
    const auto claim = try_claim(job, id);
    REQUIRE_MESSAGE(claim, (claim ? "" : claim.error().message));
    ScriptedRunner runner(folder(job), *claim, clock);
    runner.write(store::AttemptEventKind::claimed);
    runner.write(store::AttemptEventKind::program_started);
    reconciler->tick();
    return runner;
  }

private:
  std::optional<TempFolder> own_folder_;
  Path root_;
  InlineExecutor executor_;
  store::Store store_;

public:
  /// Of daemons that are started from now on.
  PollTimes poll{
      seconds{5}, seconds{5}, seconds{5}, Duration{0}, seconds{60}, seconds{5}, hours{1}};
  FakeClock clock;
  FakeScheduler scheduler;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<Reconciler> reconciler;
  std::unique_ptr<Commands> commands;
  bool tells_command = false; ///< likewise
  FakeMessenger messenger;
  std::unique_ptr<Notifier> notifier;
};

} // namespace ckpt::daemon::test
