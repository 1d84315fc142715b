// From the claim to a running program: which generation, which engine, launch or restart, and
// falling back when one turns out bad. Invariant: a generation is passed over for what is wrong
// with it, never for what is wrong with the storage.
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/domain/protocol.hpp"
#include "core/store/fate.hpp"
#include "runner/left_over.hpp"
#include "runner/local_files.hpp"
#include "runner/names_aside.hpp"
#include "runner/neighbours.hpp"
#include "runner/predecessors.hpp"
#include "runner/supervisor.hpp"

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
  const StorePatience patience = patience_of_start();
  const auto free = with_patience(patience, [this] {
    return wait_for_predecessors(
        context_,
        claim_.attempt,
        clock_,
        [&](std::string why) { report({.kind = Kind::waiting, .reason = std::move(why)}); },
        [this] { return give_up_start_.load(); });
  });
  if (!free) {
    return tl::unexpected<Error>(free.error());
  }
  auto session = with_patience(patience, [this] { return try_start(); });
  while (!session && session.error().code == "late_generation") {
    session = with_patience(patience, [this] { return try_start(); });
  }
  waits_for_store_ = false;
  return session;
}

void Supervisor::report(store::AttemptEvent event) {
  event.at = clock_.now();
  loop_->post([this, event = std::move(event)] { journal(event); });
}

StorePatience Supervisor::patience_of_start() {
  return {clock_,
          context_.store_patience,
          [this] { return give_up_start_.load(); },
          [this](const Error& error) {
            waits_for_store_ = true;
            log::warning("waiting for the storage: " + error.message);
            report({.kind = Kind::waiting,
                    .code = error.code,
                    .reason = "waiting for the storage, for at most " +
                              format_duration(context_.store_patience) + ": " + error.message +
                              (error.advice.empty() ? "" : "; " + error.advice)});
          }};
}

// An engine that failed may only have met a full disk. Nobody's tools say so in a way that could be
// relied on: the storage is asked itself.
Error Supervisor::name_the_cause(const Error& error) const {
  constexpr std::size_t kProbe = 64'000;
  const Path probe = attempt_.path() / "probe";
  const auto written = write_file_atomically(probe, std::string(kProbe, '\0'));
  std::ignore = remove_file(probe);
  if (written || !is_storage_trouble(written.error())) {
    return error;
  }
  Error cause = written.error();
  cause.message += " (" + error.message + ")";
  return cause;
}

// Safe to repeat.
Result<std::unique_ptr<engine::Session>> Supervisor::try_start() {
  auto earlier = read_earlier_attempts(folder_, claim_.attempt);
  if (!earlier) {
    return tl::unexpected<Error>(earlier.error());
  }
  earlier_ = *std::move(earlier);
  const auto wish = folder_.read_start(claim_.token);
  if (!wish) {
    return tl::unexpected<Error>(wish.error());
  }
  const store::StartWish start = wish->value_or(store::StartWish{});
  if (const auto allowed = may_try_again(start.attempt_floor); !allowed) {
    return tl::unexpected<Error>(allowed.error());
  }
  auto origin = spec_.started_from ? store::read_origin(folder_.path())
                                   : Result<std::optional<store::Origin>>(std::nullopt);
  if (!origin) {
    return tl::unexpected<Error>(origin.error());
  }
  origin_ = *std::move(origin);
  const auto output = fix_output_paths(context_, spec_);
  const auto tmpdir = make_stable_tmpdir(context_, origin_ ? Path(origin_->tmpdir) : Path{});
  const auto made = make_directories(attempt_.images());
  if (!output || !tmpdir || !made) {
    return tl::unexpected<Error>(!output   ? output.error()
                                 : !tmpdir ? tmpdir.error()
                                           : made.error());
  }
  output_ = *output;
  tmpdir_ = *tmpdir;
  if (!spec_.script_name.empty()) {
    std::error_code error;
    const auto inside = make_inside_folder(std::filesystem::read_symlink("/proc/self/exe", error));
    if (!inside) {
      return tl::unexpected<Error>(inside.error());
    }
    inside_ = *inside;
  }

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
  considered_ = *sealed;
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
        session.error().code == "late_generation" || session.error().cls == ErrorClass::unusable ||
        is_storage_trouble(session.error())) {
      return session;
    }
    report({.kind = Kind::restart_failed,
            .code = session.error().code,
            .reason = session.error().message,
            .generation = id});
    start_error_ = session.error();
  }
  if (spec_.started_from && (origin_ || order.empty())) {
    return start_from_origin();
  }
  if (!order.empty()) {
    return fail(ErrorClass::failed,
                "restart_failed",
                "no generation could be restarted; the last one: " + start_error_->message,
                "`ckpt gens` tells which are damaged; `ckpt logs --runner` has the details");
  }
  return launch_fresh();
}

Status Supervisor::choose_engine_for(const Manifest* manifest) {
  engine::EngineConfig otherwise = engine::EngineConfig::from_environment(context_.env);
  if (const auto options = folder_.read_restart_options();
      options && !options->engine_path.empty()) {
    otherwise.path = options->engine_path + ":" + otherwise.folders();
  }
  const engine::EngineConfig config = engine::EngineConfig::for_job(spec_.env, otherwise);
  const engine::ProgramInfo program =
      make_program(context_, spec_, policy_, claim_.attempt, tmpdir_, inside_);
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

engine::LaunchRequest Supervisor::launch_request(const std::string& folder) const {
  engine::LaunchRequest request;
  request.program = make_program(context_, spec_, policy_, claim_.attempt, tmpdir_, inside_);
  request.program.cwd = folder.empty() ? spec_.cwd : folder;
  request.work_dir = attempt_.path();
  request.images_dir = attempt_.images();
  request.lasting_dir = folder_.store_root() / "bin";
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
  return restart_from_copy(manifest, generations_, manifest.id);
}

// `own`: its number, of a generation of this job; a fork's origin has none here.
Result<std::unique_ptr<engine::Session>> Supervisor::restart_from_copy(
    const Manifest& manifest, const store::Generations& stored, std::optional<GenerationId> own) {
  if (auto chosen = choose_engine_for(&manifest); !chosen) {
    return tl::unexpected<Error>(chosen.error());
  }
  if (const auto obstacle =
          restart_obstacle(manifest.host, manifest.engine, host_, engine_->version().value())) {
    return fail(
        ErrorClass::refused, "node_refused", manifest.id.str() + " cannot run here: " + *obstacle);
  }
  if (auto marked = mark_start(own); !marked) {
    return tl::unexpected<Error>(marked.error());
  }
  const auto images = stored.materialize(manifest);
  if (!images) {
    if (images.error().code == "generation_corrupt" && own) {
      std::ignore = stored.mark_corrupt(manifest.id, images.error().message);
      loop_->post([this, id = manifest.id, reason = images.error().message] {
        journal({.kind = Kind::corrupt, .reason = reason, .generation = id});
      });
    }
    return tl::unexpected<Error>(images.error());
  }
  kill_point("start.materialized");
  const bool exact = policy_.stdout_on_restart == StdoutOnRestart::exact;
  if (auto ready = make_tmpdir_ready(manifest); !ready) {
    return tl::unexpected<Error>(ready.error());
  }
  if (auto restored = stored.restore_files(manifest, exact); !restored) {
    return tl::unexpected<Error>(restored.error());
  }
  if (exact) {
    if (auto emptied = empty_later_files(manifest.append_files, manifest.lengths); !emptied) {
      return tl::unexpected<Error>(emptied.error());
    }
  }
  if (!own) {
    if (auto begun = begin_output_as_origin(); !begun) {
      return tl::unexpected<Error>(begun.error());
    }
  }
  kill_point("start.restored");
  const auto aside = NamesAside::take(
      manifest.engine.engine == EngineKind::dmtcp ? manifest.deleted : std::vector<std::string>{},
      spec_.id.str());
  if (!aside) {
    return tl::unexpected<Error>(aside.error());
  }
  engine::RestartRequest request;
  request.launch = launch_request(manifest.restart_in);
  request.images = *images;
  auto session = engine_->restart(request);
  kill_point("start.restarted");
  if (!session) {
    return tl::unexpected<Error>(name_the_cause(session.error()));
  }
  started_from_ = own;
  restarted_from_ = own ? own->str() : manifest.job.str() + " " + manifest.id.str();
  run_before_ = own ? manifest.run_before : Duration{0};
  started_bytes_ = manifest.raw_bytes();
  facts_.proven = own.has_value(); // a fork's origin may have run under other conditions
  facts_.costs.last_blocked = manifest.blocked;
  facts_.costs.slowest_freeze_to_sealed = manifest.sealed_at - manifest.frozen_at;
  return session;
}

Result<std::unique_ptr<engine::Session>> Supervisor::launch_fresh() {
  if (auto chosen = choose_engine_for(nullptr); !chosen) {
    return tl::unexpected<Error>(chosen.error());
  }
  if (auto marked = mark_start(std::nullopt); !marked) {
    return tl::unexpected<Error>(marked.error());
  }
  tmpdir_saved_ = engine_->kind() != EngineKind::app; // its program may keep itself there
  if (tmpdir_saved_ && !is_tmpdir_of_others(tmpdir_, folder_.path())) {
    if (auto emptied = empty_tmpdir(tmpdir_); !emptied) {
      return tl::unexpected<Error>(emptied.error());
    }
  }
  if (auto cut = cut_output_to_start(); !cut) {
    return tl::unexpected<Error>(cut.error());
  }
  kill_point("start.output_cut");
  auto session = engine_->launch(launch_request());
  kill_point("start.launched");
  if (!session) {
    return tl::unexpected<Error>(name_the_cause(session.error()));
  }
  return session;
}

} // namespace ckpt::runner
