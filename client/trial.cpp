#include "client/trial.hpp"

#include "client/follow.hpp"
#include "client/trial_place.hpp"
#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

// The engines are driven as for any job, through daemon and runner: what a trial shows is what will
// happen. Invariant: whatever happens, its jobs are ended, its daemon is stopped, its folder goes.

namespace ckpt::client {
namespace {

constexpr milliseconds kLookAgain{100};
constexpr seconds kPatience{60};           ///< for a start, a checkpoint, a restart
constexpr Duration kShortest = seconds{2}; ///< that a program must run to be worth a trial

tl::unexpected<Error> interrupted() {
  return fail(ErrorClass::failed, "interrupted", "interrupted; nothing of the trial is left");
}

using Place = TrialPlace;

class Trial {
public:
  Trial(Session& session, const TrialWish& wish, Place& place)
      : session_(session), wish_(wish), place_(place), interrupts_(count_interrupts()) {}

  Result<TrialRun> undisturbed(const std::string& name) {
    api::SubmitRequest request = wish_.request;
    request.spec.engine = EngineWish::app; // does nothing unless it is asked
    request.spec.app = {};
    request.spec.app.signal = "USR1";
    request.policy = quiet(request.policy);
    request.policy.ckpt_files = {".ckpt-trial-no-such-file"};
    const auto job = place_.submit(request, name);
    if (!job) {
      return tl::unexpected(job.error());
    }
    const auto begun = until(*job, kPatience, &runs_or_over);
    if (!begun) {
      return tl::unexpected(begun.error());
    }
    const MonoTime start = clock_.monotonic();
    const auto view = until(*job, wish_.time, &is_over);
    if (!view) {
      return tl::unexpected(view.error());
    }
    TrialRun run = run_of(*view);
    // As its runner saw it: the daemon, and we here, hear of it later.
    const auto& attempt = view->current_attempt;
    run.took = attempt && attempt->started_at && attempt->ended_at
                   ? *attempt->ended_at - *attempt->started_at
                   : clock_.monotonic() - start;
    if (!run.ended) {
      std::ignore = place_.client().cancel(*job, seconds{20});
    }
    run.output = place_.output_text(name);
    if (run.ended) {
      run.last_lines = place_.last_lines(name);
    }
    return run;
  }

  Result<EngineTrial> with(const api::EngineView& engine, const TrialRun& undisturbed) {
    EngineTrial trial;
    trial.engine = engine.engine;
    trial.version = engine.version;
    const Duration run = undisturbed.ended ? std::min(wish_.time, undisturbed.took) : wish_.time;
    const std::string name(word(engine.engine));
    const auto job = start(trial, name);
    if (!job) {
      return tl::unexpected(job.error());
    }
    if (!job->empty()) {
      Status status = carry(trial, *job, run);
      if (!status) {
        return tl::unexpected(status.error());
      }
      compare(trial, name, undisturbed);
      std::ignore = place_.client().cancel(*job, seconds{20});
    }
    return trial;
  }

private:
  using Test = bool (*)(const api::JobView&);
  static bool is_over(const api::JobView& job) { return is_settled(job.state); }
  static bool runs(const api::JobView& job) {
    return job.current_attempt && job.current_attempt->started_at && job.state == JobState::running;
  }
  static bool runs_or_over(const api::JobView& job) { return runs(job) || is_over(job); }

  static Policy quiet(Policy policy) {
    policy.every = Interval{Interval::Kind::off, Duration{0}};
    policy.max_restarts = 1; // our own; what breaks is to be told, not tried again and again
    policy.keep_after_success = 1;
    return policy;
  }

  /// The job as soon as `test` says so, or as it is at the end of that time.
  Result<api::JobView> until(const std::string& job, Duration time, Test test) {
    const MonoTime deadline = clock_.monotonic() + time;
    for (;;) {
      auto view = place_.client().job(job);
      if (interrupts_ > 0) {
        return interrupted();
      }
      if (!view || test(*view) || clock_.monotonic() >= deadline) {
        return view;
      }
      clock_.sleep_for(kLookAgain);
    }
  }

  static TrialRun run_of(const api::JobView& view) {
    TrialRun run;
    run.ended = view.state == JobState::completed || view.state == JobState::failed;
    run.exit_code = view.exit_code;
    run.signal = view.signal;
    return run;
  }

  /// The job, running; empty if it cannot be started, which `trial` then tells.
  Result<std::string> start(EngineTrial& trial, const std::string& name) {
    api::SubmitRequest request = wish_.request;
    request.spec.engine =
        from_word<EngineWish>(std::string(word(trial.engine))).value_or(EngineWish::automatic);
    request.policy = quiet(request.policy);
    const auto job = place_.submit(request, name);
    if (!job) {
      trial.reason = job.error().message;
      trial.advice = job.error().advice;
      return std::string();
    }
    const auto view = until(*job, kPatience, &runs_or_over);
    if (!view) {
      return tl::unexpected(view.error());
    }
    if (!runs(*view)) {
      tell_end(trial, *view);
      trial.warnings = view->warnings;
      return std::string();
    }
    return *job;
  }

  static std::string why(const api::JobView& view) {
    if (view.state == JobState::completed || (view.state == JobState::failed && view.exit_code)) {
      return "the program ended by itself with exit status " +
             std::to_string(view.exit_code.value_or(0));
    }
    std::string reason = view.reason;
    if (view.current_attempt && !view.current_attempt->reason.empty()) {
      reason = view.current_attempt->reason;
    }
    return reason.empty() ? "it is still " + std::string(word(view.state)) : reason;
  }

  std::vector<std::string> last_lines(const EngineTrial& trial) const {
    return place_.last_lines(std::string(word(trial.engine)));
  }

  void tell_end(EngineTrial& trial, const api::JobView& view) const {
    trial.reason = why(view);
    trial.last_lines = last_lines(trial);
  }

  /// Checkpoint, end without warning, restart; `trial` tells how far it came. An error only if
  /// the trial itself cannot go on.
  Status carry(EngineTrial& trial, const std::string& job, Duration run) {
    const std::string name(word(trial.engine));
    const auto half = until(job, run / 2, &is_over);
    if (!half) {
      return tl::unexpected(half.error());
    }
    trial.step = TrialStep::checkpoint;
    trial.warnings = half->warnings;
    if (is_over(*half)) {
      tell_end(trial, *half);
      return {};
    }
    const auto generation = place_.client().checkpoint(job, kPatience);
    if (!generation || generation->state != GenerationState::sealed) {
      return no_checkpoint(trial, job, generation);
    }
    trial.blocked = generation->blocked;
    trial.bytes = generation->bytes;
    // A little more, which the restart has to undo.
    constexpr int kPart = 8;
    const auto more = until(job, run / kPart, &is_over);
    if (!more) {
      return tl::unexpected(more.error());
    }
    trial.warnings = more->warnings;
    if (more->attempts_count > 1) {
      const auto attempts = place_.client().attempts(job);
      trial.reason = "the program did not survive it";
      trial.reason += attempts && !attempts->empty() ? ": " + attempts->front().reason : "";
      return {};
    }
    trial.step = TrialStep::restart;
    if (is_over(*more)) {
      trial.reason = "the program had ended by itself before it could be interrupted";
      trial.advice = "give it more to do, or a shorter --time";
      return {};
    }
    return restart(trial, job, generation->id, run);
  }

  Status no_checkpoint(EngineTrial& trial,
                       const std::string& job,
                       const Result<api::GenerationView>& generation) {
    if (interrupts_ > 0) {
      return interrupted();
    }
    trial.reason = generation ? "it was not sealed within a minute" : generation.error().message;
    const auto view = place_.client().job(job);
    if (view) {
      trial.warnings = view->warnings;
      if (is_over(*view)) {
        trial.reason += "; " + why(*view);
        trial.last_lines = last_lines(trial);
      }
    }
    return {};
  }

  Status
  restart(EngineTrial& trial, const std::string& job, GenerationId generation, Duration run) {
    const std::string name(word(trial.engine));
    const auto killed = place_.client().cancel(job, kPatience);
    if (!killed) {
      trial.reason = killed.error().message;
      return {};
    }
    const std::uint64_t length = place_.output_text(name).size();
    const MonoTime asked = clock_.monotonic();
    api::RestartRequest request;
    request.generation = generation;
    const auto again = place_.client().restart(job, request);
    if (!again) {
      trial.reason = again.error().message;
      return {};
    }
    const auto view = until(job, kPatience, [](const api::JobView& one) {
      return runs_or_over(one) && one.attempts_count > 1;
    });
    if (!view) {
      return tl::unexpected(view.error());
    }
    if (!runs(*view) && view->state != JobState::completed && !view->exit_code) {
      tell_end(trial, *view);
      return {};
    }
    trial.restarted_in = clock_.monotonic() - asked;
    trial.step = TrialStep::afterwards;
    const auto end = until(job, run / 2 + run / 4, &is_over);
    if (!end) {
      return tl::unexpected(end.error());
    }
    const TrialRun ended = run_of(*end);
    if (is_over(*end) && !ended.ended) {
      tell_end(trial, *end);
      return {};
    }
    if (ended.ended) {
      trial.end = ended;
    }
    trial.printed_after = place_.output_text(name).size() > length;
    trial.step = TrialStep::done;
    return {};
  }

  void compare(EngineTrial& trial, const std::string& name, const TrialRun& undisturbed) {
    if (trial.step != TrialStep::done) {
      return;
    }
    trial.output = compare_outputs(undisturbed.output, place_.output_text(name));
    const bool other_end =
        trial.end && undisturbed.ended &&
        (trial.end->exit_code != undisturbed.exit_code || trial.end->signal != undisturbed.signal);
    if (other_end || (trial.end && !undisturbed.ended && trial.end->exit_code != 0)) {
      trial.step = TrialStep::afterwards;
      trial.reason = "it ended " +
                     (trial.end->signal ? "by signal " + std::to_string(*trial.end->signal)
                                        : "with exit status " +
                                              std::to_string(trial.end->exit_code.value_or(0))) +
                     ", which it does not do undisturbed";
      trial.last_lines = last_lines(trial);
    }
  }

  Session& session_;
  const TrialWish& wish_;
  Place& place_;
  const std::atomic<int>& interrupts_;
  Clock& clock_ = system_clock();
};

std::vector<api::EngineView> engines_to_try(const TrialWish& wish,
                                            const std::vector<api::EngineView>& known) {
  std::vector<api::EngineView> engines;
  for (const api::EngineView& one : known) {
    const bool live = one.engine == EngineKind::dmtcp || one.engine == EngineKind::criu;
    if (wish.engine ? one.engine == *wish.engine : live) {
      engines.push_back(one);
    }
  }
  return engines;
}

EngineTrial unusable(const api::EngineView& engine) {
  EngineTrial trial;
  trial.engine = engine.engine;
  trial.version = engine.version;
  trial.usable = false;
  trial.reason = engine.detail;
  return trial;
}

} // namespace

Result<TrialReport> run_trial(Session& session, const TrialWish& wish) {
  count_interrupts(); // from here on a Ctrl-C must leave nothing behind
  auto place = Place::make(session);
  if (!place) {
    return tl::unexpected(place.error());
  }
  const auto status = (*place)->client().status();
  if (!status) {
    return tl::unexpected(status.error());
  }
  TrialReport report;
  report.argv = wish.request.spec.argv;
  report.cwd = wish.request.spec.cwd;
  report.time = wish.time;
  report.options = wish.options;
  const auto engines = engines_to_try(wish, status->engines);
  const bool any =
      std::any_of(engines.begin(), engines.end(), [](const auto& e) { return e.usable; });
  Trial trial(session, wish, **place);
  if (any) {
    session.say("running it undisturbed for " + format_duration(wish.time));
    auto run = trial.undisturbed("undisturbed");
    if (!run) {
      return tl::unexpected(run.error());
    }
    report.undisturbed = *std::move(run);
    report.too_fast = report.undisturbed->ended && report.undisturbed->took < kShortest;
  }
  for (const api::EngineView& engine : report.too_fast ? std::vector<api::EngineView>{} : engines) {
    if (!engine.usable) {
      report.engines.push_back(unusable(engine));
      continue;
    }
    session.say("running it under " + std::string(word(engine.engine)) + " " + engine.version +
                ": checkpoint, end, restart");
    auto tried = trial.with(engine, *report.undisturbed);
    if (!tried) {
      return tl::unexpected(tried.error());
    }
    report.engines.push_back(*std::move(tried));
  }
  const bool differs =
      std::any_of(report.engines.begin(), report.engines.end(), [](const EngineTrial& one) {
        return one.output && !one.output->same;
      });
  if (differs) { // the engine's fault only if it prints the same twice when nobody disturbs it
    session.say("the output differs: running it undisturbed once more");
    const auto again = trial.undisturbed("undisturbed2");
    if (!again) {
      return tl::unexpected(again.error());
    }
    report.repeatable = compare_outputs(report.undisturbed->output, again->output).same;
  }
  for (EngineTrial& one : report.engines) {
    if (report.repeatable && one.carried() && !one.output->same) {
      one.step = TrialStep::afterwards;
      one.reason = "its output differs from that of an undisturbed run in line " +
                   std::to_string(one.output->line) + ": '" + one.output->found + "' instead of '" +
                   one.output->expected + "'";
    }
  }
  return report;
}

} // namespace ckpt::client
