// From the claim to a running program: which generation, which engine, launch or restart, and
// falling back when one turns out bad.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/domain/protocol.hpp"
#include "core/store/coordinator.hpp"
#include "core/store/fate.hpp"
#include "core/store/initial_lengths.hpp"
#include "runner/left_over.hpp"
#include "runner/predecessors.hpp"
#include "runner/supervisor.hpp"

#include <sys/stat.h>

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

void Supervisor::start_program() {
  engine_worker_->run(
      [this] { return start_on_worker(); },
      [this](Result<std::unique_ptr<engine::Session>> started) { on_started(std::move(started)); });
}

// On the engine's thread; events go to the main thread, which writes them in this order.
Result<std::unique_ptr<engine::Session>> Supervisor::start_on_worker() {
  const auto report = [this](store::AttemptEvent event) {
    loop_->post([this, event = std::move(event)] { journal(event); });
  };
  const bool free = wait_for_predecessors(
      context_,
      claim_.attempt,
      clock_,
      [&](std::string why) { report({.kind = Kind::waiting, .reason = std::move(why)}); },
      [this] { return give_up_start_.load(); });
  if (!free) {
    return fail(ErrorClass::failed, "interrupted", "ended while it waited for an earlier attempt");
  }
  earlier_ = read_earlier_attempts(folder_, claim_.attempt);
  if (const auto why = loop_guard(earlier_)) {
    return fail(ErrorClass::refused,
                "loop_guard",
                *why,
                "look at `ckpt logs --runner`, then `ckpt restart`");
  }
  const auto output = fix_output_paths(context_, spec_);
  const auto tmpdir = make_stable_tmpdir(context_);
  const auto made = make_directories(attempt_.images());
  if (!output || !tmpdir || !made) {
    return tl::unexpected<Error>(!output   ? output.error()
                                 : !tmpdir ? tmpdir.error()
                                           : made.error());
  }
  output_ = *output;
  tmpdir_ = *tmpdir;

  const auto wish = folder_.read_start(claim_.token);
  if (!wish) {
    return tl::unexpected<Error>(wish.error());
  }
  const store::StartWish start = wish->value_or(store::StartWish{});
  if (const auto finished = finished_attempt(earlier_, start.attempt_floor)) {
    return already_finished(finished->id, *finished->result);
  }
  for (store::AttemptEvent& event : seal_left_overs(
           folder_, earlier_, claim_.attempt, [this] { return give_up_start_.load(); })) {
    report(std::move(event));
  }
  const auto sealed = good_generations(generations_);
  if (!sealed) {
    return tl::unexpected<Error>(sealed.error());
  }
  const bool wish_is_served =
      std::any_of(earlier_.begin(), earlier_.end(), [&](const EarlierAttempt& attempt) {
        return attempt.program_ran && attempt.id.value > start.attempt_floor;
      });
  const auto order =
      start_order(*sealed, earlier_, wish_is_served ? std::nullopt : start.generation);
  for (const GenerationId id : order) {
    const auto manifest =
        std::find_if(sealed->begin(), sealed->end(), [&](const Manifest& m) { return m.id == id; });
    auto session = restart_from(*manifest);
    // Its bytes are what was sealed: what has failed may be the moment (a signal from outside, a
    // node out of breath), and falling back costs work.
    if (!session && session.error().code == "restart_failed" && !give_up_start_) {
      report({.kind = Kind::restart_failed,
              .code = session.error().code,
              .reason = session.error().message + "; tried once more",
              .generation = id});
      session = restart_from(*manifest);
    }
    if (session || session.error().code == "interrupted" || session.error().code == "fenced" ||
        session.error().code == "already_finished" || session.error().code == "node_refused" ||
        session.error().cls == ErrorClass::unusable) {
      return session;
    }
    report({.kind = Kind::restart_failed,
            .code = session.error().code,
            .reason = session.error().message,
            .generation = id});
    start_error_ = session.error();
  }
  if (!order.empty()) {
    return fail(ErrorClass::failed,
                "restart_failed",
                "no generation could be restarted; the last one: " + start_error_->message,
                "`ckpt verify` tells which are good; `ckpt logs --runner` has the details");
  }
  return launch_fresh();
}

tl::unexpected<Error> Supervisor::already_finished(AttemptId by, const ExitStatus& result) {
  finished_before_ = result;
  return fail(ErrorClass::conflict,
              "already_finished",
              "attempt " + by.str() + " has finished the program already: " + result.describe());
}

Status Supervisor::choose_engine_for(const Manifest* manifest) {
  const engine::EngineConfig config = engine::EngineConfig::from_environment(context_.env);
  const engine::ProgramInfo program =
      make_program(context_, spec_, policy_, claim_.attempt, tmpdir_);
  if (manifest != nullptr) {
    engine_ = engine::make_engine(manifest->engine.engine, config);
  } else {
    auto choice = engine::choose_engine(spec_.engine, program, config);
    if (!choice) {
      return tl::unexpected<Error>(choice.error());
    }
    engine_ = std::move(choice->engine);
    std::vector<std::string> passed_over;
    for (const engine::PassedOver& other : choice->passed_over) {
      passed_over.push_back(std::string(word(other.engine)) + ": " + other.reason);
    }
    passed_over_ = join(passed_over, "; ");
  }
  const auto version = engine_->version();
  return version ? Status{} : Status(tl::unexpected<Error>(version.error()));
}

// Rules 3, 4 and 6 of the protocol: older attempts can get no result any more, the mark is on the
// disk, then everything that may forbid the start is read (again).
Status Supervisor::mark_start(std::optional<GenerationId> from) {
  const auto fates = store::supersede_older(folder_, claim_.attempt);
  if (!fates) {
    return tl::unexpected<Error>(fates.error());
  }
  const auto wish = folder_.read_start(claim_.token);
  if (!wish) {
    return tl::unexpected<Error>(wish.error());
  }
  const std::int64_t floor = wish->value_or(store::StartWish{}).attempt_floor;
  for (std::size_t i = 0; i < fates->size(); ++i) {
    const store::Fate& fate = (*fates)[i];
    if (fate.kind == store::FateKind::result && static_cast<std::int64_t>(i) >= floor) {
      return already_finished(AttemptId{static_cast<std::int64_t>(i) + 1},
                              {fate.exit_code, fate.signal});
    }
  }
  kill_point("start.superseded");
  const auto marked = journal_from_worker({.kind = Kind::starting,
                                           .reason = passed_over_,
                                           .generation = from,
                                           .engine = engine_->version().value_or(EngineVersion{})});
  if (!marked) {
    return fail(ErrorClass::failed, "store_unwritable", "the start could not be written down");
  }
  kill_point("start.marked");
  const auto claims = folder_.read_claims();
  protocol::StartView view;
  view.token_revoked = folder_.is_revoked(claim_.token);
  view.newer_claim = !claims || claims->empty() || claims->back().attempt != claim_.attempt;
  view.newest = from;
  view.marked = true;
  view.marked_from = from;
  view.since_own_renewal = lease_->since_renewal_began();
  if (protocol::may_start_program(view, context_.lease) == protocol::StartVerdict::start) {
    return {};
  }
  return fail(ErrorClass::conflict,
              "fenced",
              view.token_revoked ? "this submission was called off"
              : view.newer_claim ? "a newer attempt has claimed this job"
                                 : "the store was too slow to renew the lease");
}

engine::LaunchRequest Supervisor::launch_request() const {
  engine::LaunchRequest request;
  request.program = make_program(context_, spec_, policy_, claim_.attempt, tmpdir_);
  request.work_dir = attempt_.path();
  request.images_dir = attempt_.images();
  request.stdout_path = output_.out.string();
  request.stderr_path = output_.err.string();
  request.umask = spec_.umask;
  request.shield_term =
      policy_.shield_term == ShieldTerm::on ||
      (policy_.shield_term == ShieldTerm::automatic && engine_->can_shield_term());
  request.give_up = [this] { return give_up_start_.load(); };
  return request;
}

Result<std::unique_ptr<engine::Session>> Supervisor::restart_from(const Manifest& manifest) {
  if (auto chosen = choose_engine_for(&manifest); !chosen) {
    return tl::unexpected<Error>(chosen.error());
  }
  if (const auto obstacle =
          restart_obstacle(manifest.host, manifest.engine, host_, engine_->version().value())) {
    return fail(
        ErrorClass::refused, "node_refused", manifest.id.str() + " cannot run here: " + *obstacle);
  }
  if (auto marked = mark_start(manifest.id); !marked) {
    return tl::unexpected<Error>(marked.error());
  }
  const auto images = generations_.materialize(manifest);
  if (!images) {
    if (images.error().code == "generation_corrupt") {
      std::ignore = generations_.mark_corrupt(manifest.id, images.error().message);
      loop_->post([this, id = manifest.id, reason = images.error().message] {
        journal({.kind = Kind::corrupt, .reason = reason, .generation = id});
      });
    }
    return tl::unexpected<Error>(images.error());
  }
  kill_point("start.materialized");
  const bool exact = policy_.stdout_on_restart == StdoutOnRestart::exact;
  if (auto restored = generations_.restore_files(manifest, exact); !restored) {
    return tl::unexpected<Error>(restored.error());
  }
  kill_point("start.restored");
  engine::RestartRequest request;
  request.launch = launch_request();
  request.images = *images;
  auto session = engine_->restart(request);
  kill_point("start.restarted");
  if (session) {
    started_from_ = manifest.id;
    run_before_ = manifest.run_before;
    newest_bytes_ = manifest.raw_bytes();
    facts_.proven = true;
    facts_.costs.last_blocked = manifest.blocked;
    facts_.costs.slowest_freeze_to_sealed = manifest.sealed_at - manifest.frozen_at;
  }
  return session;
}

Result<std::unique_ptr<engine::Session>> Supervisor::launch_fresh() {
  if (auto chosen = choose_engine_for(nullptr); !chosen) {
    return tl::unexpected<Error>(chosen.error());
  }
  if (auto marked = mark_start(std::nullopt); !marked) {
    return tl::unexpected<Error>(marked.error());
  }
  if (auto cut = cut_output_to_start(); !cut) {
    return tl::unexpected<Error>(cut.error());
  }
  kill_point("start.output_cut");
  auto session = engine_->launch(launch_request());
  kill_point("start.launched");
  return session;
}

// From the beginning: the first attempt notes how long the files were and empties the output, as
// sbatch does; a later one goes back to that.
Status Supervisor::cut_output_to_start() {
  const Path note = folder_.path() / "initial.json";
  store::InitialLengths lengths;
  if (auto known = store::read_initial_lengths(note)) {
    lengths = std::move(*known);
  } else if (known.error().code == "no_such_file") {
    const bool append = policy_.stdout_on_restart == StdoutOnRestart::append;
    for (const Path& path : {output_.out, output_.err}) {
      struct stat info {};
      const bool there = append && ::stat(path.c_str(), &info) == 0;
      lengths.push_back({path.string(), there ? static_cast<std::uint64_t>(info.st_size) : 0});
    }
    for (const Path& path : expand_globs(policy_.append_files, spec_.cwd)) {
      lengths.push_back({path.string(), std::filesystem::file_size(path)});
    }
    if (auto written = store::write_initial_lengths(note, lengths); !written) {
      return written;
    }
  } else {
    return tl::unexpected<Error>(known.error());
  }
  for (const FileLength& length : lengths) {
    struct stat info {};
    if (::stat(length.path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        static_cast<std::uint64_t>(info.st_size) > length.bytes) {
      if (auto cut = truncate_file(length.path, length.bytes); !cut) {
        return cut;
      }
    }
  }
  // A file of the program's that did not exist at the start was made by an attempt that is being
  // undone.
  if (claim_.attempt.value > 1) {
    for (const Path& path : expand_globs(policy_.append_files, spec_.cwd)) {
      const bool known = std::any_of(lengths.begin(), lengths.end(), [&](const FileLength& length) {
        return length.path == path.string();
      });
      if (!known) {
        if (auto cut = truncate_file(path, 0); !cut) {
          return cut;
        }
      }
    }
  }
  return {};
}

void Supervisor::on_started(Result<std::unique_ptr<engine::Session>> started) {
  if (!started) {
    on_start_failed(started.error());
    return;
  }
  {
    const std::lock_guard lock(session_mutex_);
    session_ = std::move(*started);
  }
  kill_point("start.known");
  program_started_ = clock_.monotonic();
  facts_.run_before = run_before_;
  journal({.kind = started_from_ ? Kind::program_restarted : Kind::program_started,
           .generation = started_from_,
           .engine = engine_->version().value_or(EngineVersion{})});
  note_coordinator();
  CheckpointSetting setting{folder_,
                            claim_.attempt,
                            spec_.cwd,
                            output_,
                            engine_->version().value_or(EngineVersion{}),
                            host_,
                            started_from_};
  checkpointer_ =
      std::make_unique<Checkpointer>(std::move(setting), [this](store::AttemptEvent event) {
        loop_->post([this, event = std::move(event)] { journal(event); });
      });
  if (phase_ == Phase::ending) { // cancelled, fenced or TERM while it started
    begin_end(*ending_);
    return;
  }
  phase_ = Phase::running;
  tidy_worker_->run(
      [folder = folder_, ours = claim_.attempt] {
        remove_dead_images(folder, ours);
        return true;
      },
      [](bool) {});
  std::vector<store::Order> waiting = std::exchange(waiting_orders_, {});
  for (const store::Order& order : waiting) {
    handle(order);
  }
}

// For `ckpt coordinators`: what listens on this node in the user's name.
void Supervisor::note_coordinator() {
  if (const auto coordinator = session_->coordinator()) {
    const auto noted = store::write_coordinator(
        attempt_, {coordinator->host, coordinator->port, coordinator->pid, coordinator->version});
    if (!noted) {
      log::warning(noted.error().message);
    }
  }
}

void Supervisor::on_start_failed(const Error& error) {
  log::error("not started: " + error.message);
  if (phase_ == Phase::ending) {
    finish_end();
    return;
  }
  phase_ = Phase::ending;
  ending_ = ending_after_failed_start(error);
  if (ending_->requeue) {
    journal({.kind = Kind::requeue_intent, .reason = claim_.token.value});
  }
  finish_end();
}

Supervisor::Ending Supervisor::ending_after_failed_start(const Error& error) {
  Ending ending;
  ending.detail = error.message;
  if (finished_before_) {
    // A requeue came too late to be needed: the result is told again, for Slurm, its dependents,
    // and a daemon that reads the newest attempt.
    ending.reason = finished_before_->success() ? EndReason::completed : EndReason::failed;
    ending.program = finished_before_;
  } else if (error.code == "fenced") {
    ending.reason = EndReason::fenced;
  } else if (error.code == "node_refused") {
    journal({.kind = Kind::node_refused, .reason = error.message});
    ending.reason = EndReason::requeued;
    ending.exclude_node = node_name();
    std::string why_not;
    // Of one machine there is no other one.
    ending.requeue = context_.scheduler == SchedulerKind::slurm && may_requeue(why_not);
    if (!ending.requeue) {
      ending.reason = EndReason::restart_failed;
    }
    ending.detail += why_not.empty() ? "" : "; " + why_not;
  } else {
    const bool restart = start_error_.has_value() || error.code == "restart_failed";
    ending.reason = restart ? EndReason::restart_failed : EndReason::launch_failed;
  }
  return ending;
}

} // namespace ckpt::runner
