#include "client/commands/commands.hpp"
#include "client/engines_here.hpp"
#include "client/generation_argument.hpp"
#include "client/job_options.hpp"
#include "client/lineage.hpp"
#include "client/sbatch_options.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  std::optional<std::string> generation;
  std::optional<Duration> time_limit;
  PolicyOptions policy;
  std::vector<std::string> sbatch_args;
};

/// A rollback costs what was computed since: said while it can still be kept.
void mention_left_aside(Session& session,
                        const api::JobView& job,
                        const std::vector<GenerationId>& left) {
  if (left.empty() || session.json()) {
    return;
  }
  std::vector<std::string> names;
  for (const GenerationId id : left) {
    names.push_back(id.str());
  }
  const bool one = names.size() == 1;
  session.say(join(names, ", ") + (one ? " is" : " are") + " left aside, and " +
              (one ? "goes" : "go") + " once a newer checkpoint is sealed; `ckpt pin " +
              job.id.str() + " " + names.back() + "` keeps " + names.back());
}

/// It was parked for want of one.
bool wants_engine(ApiClient& daemon, const std::string& selector) {
  const auto before = daemon.job(selector);
  return before && before->state == JobState::parked && before->current_attempt &&
         is_for_want_of_engine(before->current_attempt->reason);
}

int restart(Session& session, const Options& options) {
  api::RestartRequest request;
  request.sbatch_args = options.sbatch_args;
  request.time_limit = options.time_limit;
  request.engine_path = engine_path(session.env());
  if (options.generation) {
    const auto id = generation_argument(*options.generation, options.job);
    if (!id) {
      return session.fail(id.error());
    }
    request.generation = *id;
  }
  auto patch = policy_patch(options.policy);
  if (!patch) {
    return session.fail(patch.error());
  }
  request.policy_patch = std::move(*patch);
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  std::vector<GenerationId> left;
  if (request.generation) { // asked before: what is sealed behind the restart is newer, too
    const auto all = (*daemon)->generations(options.job);
    left = all ? left_aside_by(*request.generation, *all) : left;
  }
  const bool wanting = request.engine_path.empty() && wants_engine(**daemon, options.job);
  const auto job = (*daemon)->restart(options.job, request);
  if (!job) {
    return session.fail(job.error());
  }
  session.out().acted({*job}, "goes on", {});
  mention_left_aside(session, *job, left);
  if (wanting && !session.json()) {
    session.say("note: it was parked for want of an engine, and this shell has none; "
                "`ckpt doctor` tells what to do");
  }
  return 0;
}

} // namespace

void add_restart(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("restart", "Go on from the newest checkpoint, or an older one");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .text("--generation", options->generation, "gN", "From this one")
      .time_limit("-t,--time", options->time_limit, "Limit of one allocation from now on");
  add_policy_options(verb, options->policy);
  add_sbatch_options(verb, options->sbatch_args, false);
  verb.footer("Slurm's options (-p, -c, --mem …) are taken too: `ckpt submit --help` lists them.\n"
              "A job that runs is stopped first: `ckpt stop JOB`.\n"
              "Example, a rollback: ckpt restart j-7 --generation g3");
  verb.runs([options](Session& session) { return restart(session, *options); });
}

} // namespace ckpt::client
