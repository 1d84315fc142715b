#include "client/array.hpp"
#include "client/batch_options.hpp"
#include "client/batch_script.hpp"
#include "client/commands/commands.hpp"
#include "client/engines_here.hpp"
#include "client/follow.hpp"
#include "client/job_options.hpp"
#include "client/resume.hpp"
#include "client/sbatch_options.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::vector<std::string> argv;
  SpecOptions spec;
  PolicyOptions policy;
  std::vector<std::string> sbatch_args;
  std::optional<std::string> scheduler;
  std::optional<std::string> array;
  bool resume = false;
};

Result<api::JobView>
restarted(Session& session, ApiClient& client, const api::JobView& job, const Options& options) {
  api::RestartRequest request;
  request.engine_path = engine_path(session.env());
  request.sbatch_args = options.sbatch_args;
  request.time_limit = options.spec.time_limit;
  auto patch = policy_patch(options.policy);
  if (!patch) {
    return tl::unexpected(patch.error());
  }
  request.policy_patch = std::move(*patch);
  return client.restart(job.id.str(), request);
}

/// The exit status, if the job of that name makes a new one needless.
std::optional<int> resume(Session& session, ApiClient& client, const Options& options) {
  const auto job = job_named(client, *options.spec.name);
  if (!job) {
    return session.fail(job.error());
  }
  switch (resumption_of(*job)) {
  case Resumption::submit:
    return std::nullopt;
  case Resumption::goes_on:
    session.out().acted({**job}, "is on its way", {});
    return 0;
  case Resumption::done:
    session.out().acted({**job}, "is done", {});
    return 0;
  case Resumption::cancelled:
    return session.fail(Error{ErrorClass::conflict,
                              Outcome::permanent,
                              "job_cancelled",
                              (*job)->id.str() + " has the name '" + *options.spec.name +
                                  "' and was cancelled: it is not gone on with by itself",
                              "`ckpt restart " + (*job)->id.str() + "` goes on; `ckpt rm " +
                                  (*job)->id.str() + "` makes room for a new one"});
  case Resumption::restart:
    break;
  }
  const auto again = restarted(session, client, **job, options);
  if (!again) {
    return session.fail(again.error());
  }
  session.out().acted({*again}, "goes on", {});
  return 0;
}

/// SBATCH_* variables, and above them what was typed. A job of this machine is none of sbatch's.
Result<std::vector<script::Given>> wishes_for_slurm(const Session& session,
                                                    const Options& options) {
  auto typed = typed_options(options.sbatch_args);
  if (!typed || options.scheduler == "local") {
    return typed;
  }
  return script::merged({script::options_of_environment(session.env()), *std::move(typed)});
}

Result<api::SubmitRequest>
make_request(Session& session, Options& options, const std::vector<script::Given>& wishes) {
  if (const Status fine = look_at(session, {"", "the job", wishes, {}, {}}); !fine) {
    return tl::unexpected(fine.error());
  }
  if (const Status taken = take_over(options.spec, wishes); !taken) {
    return tl::unexpected(taken.error());
  }
  if (options.resume && options.array) {
    return fail(ErrorClass::usage,
                "usage",
                "--resume goes by the name of one job, and --array makes several",
                "`ckpt submit --resume` goes on with one task: its name is NAME_INDEX.");
  }
  if (options.resume && !options.spec.name) {
    return fail(ErrorClass::usage,
                "usage",
                "--resume goes by the job's name, and there is none",
                "Give it one: --job-name NAME.");
  }
  auto request = make_submit_request(
      session, options.spec, options.policy, options.argv, remaining_options(session, wishes));
  if (!request) {
    return request;
  }
  export_as_wished(request->spec, wishes, options.spec.env);
  if (options.scheduler) {
    request->scheduler = from_word<SchedulerKind>(*options.scheduler);
    if (!request->scheduler) {
      return fail(ErrorClass::usage,
                  "usage",
                  "--scheduler: '" + *options.scheduler + "' is not known",
                  "Write slurm or local.");
    }
  }
  return request;
}

// The scheduler's number comes a moment after the job is durable: worth waiting for, since it is
// what people look for in squeue.
constexpr seconds kPatience{3};

/// A batch script that is run as a program: sbatch would have read more in it.
void mention_sbatch_lines(Session& session, const JobSpec& spec) {
  if (session.json() || spec.argv.empty() ||
      !has_sbatch_lines(Path(spec.cwd) / spec.argv.front())) { // an absolute one stays what it is
    return;
  }
  session.say("note: its #SBATCH lines are not read here; `ckpt sbatch " +
              shell_quote(spec.argv.front()) + "` heeds them");
}

int submit_tasks(Session& session, const api::ArrayRequest& request, bool wait) {
  const auto array = submit_array(session, request, kPatience);
  if (!array) {
    return session.fail(array.error());
  }
  session.out().submitted(*array);
  if (!array->items.empty()) {
    say_warnings(session, array->items.front()); // all are alike
    mention_engine(session, request.job.spec, array->items.front().scheduler);
  }
  return wait ? wait_for_end(session, *array) : 0;
}

int submit(Session& session, Options& options) {
  const auto wishes = wishes_for_slurm(session, options);
  if (!wishes) {
    return session.fail(wishes.error());
  }
  options.array = options.array ? options.array : wish_for(*wishes, "array");
  const auto request = make_request(session, options, *wishes);
  if (!request) {
    return session.fail(request.error());
  }
  mention_sbatch_lines(session, request->spec);
  if (request->scheduler) {
    if (auto fine = session.use_scheduler(*request->scheduler); !fine) {
      return session.fail(fine.error());
    }
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  if (options.array) {
    return submit_tasks(session, {*request, *options.array}, wish_for(*wishes, "wait").has_value());
  }
  if (options.resume) {
    if (const auto status = resume(session, **daemon, options)) {
      return *status;
    }
  }
  auto job = (*daemon)->submit(*request);
  if (!job) {
    return session.fail(job.error());
  }
  const api::JobView settled = job->scheduler == SchedulerKind::slurm
                                   ? wait_for_number(session, *job, kPatience).value_or(*job)
                                   : *job;
  session.out().submitted(settled);
  say_warnings(session, settled);
  mention_engine(session, request->spec, settled.scheduler);
  return wish_for(*wishes, "wait") ? wait_for_end(session, settled) : 0;
}

} // namespace

void add_submit(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("submit", "A job that outlives its allocations");
  verb.program(options->argv);
  add_spec_options(verb, options->spec);
  verb.text(
      "--scheduler", options->scheduler, "slurm|local", "Where it runs (Slurm where there is one)");
  verb.text("-a,--array",
            options->array,
            "INDEXES",
            "A job for each index, of one submission (1-200%10: at most 10 at once)");
  verb.flag("--resume",
            options->resume,
            "Go on with the job of this name if there is one, or say that it is done");
  add_policy_options(verb, options->policy);
  add_sbatch_options(verb, options->sbatch_args);
  verb.footer("Example: ckpt submit --time 24:00:00 -- ./simulate input.dat");
  verb.runs([options](Session& session) { return submit(session, *options); });
}

} // namespace ckpt::client
