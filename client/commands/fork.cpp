#include "client/commands/commands.hpp"
#include "client/engines_here.hpp"
#include "client/generation_argument.hpp"
#include "client/job_options.hpp"
#include "client/sbatch_options.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  std::optional<std::string> generation;
  std::optional<std::string> name;
  std::optional<Duration> time_limit;
  std::optional<std::string> output;
  std::optional<std::string> error;
  bool share_files = false;
  PolicyOptions policy;
  std::vector<std::string> sbatch_args;
};

Result<api::ForkRequest> request_of(const Session& session, const Options& options) {
  api::ForkRequest request;
  request.engine_path = engine_path(session.env());
  request.name = options.name.value_or("");
  request.sbatch_args = options.sbatch_args;
  request.time_limit = options.time_limit;
  request.stdout_path = options.output.value_or("");
  request.stderr_path = options.error.value_or("");
  request.share_files = options.share_files;
  if (options.generation) {
    const auto id = generation_argument(*options.generation, options.job);
    if (!id) {
      return tl::unexpected(id.error());
    }
    request.generation = *id;
  }
  auto patch = policy_patch(options.policy);
  if (!patch) {
    return tl::unexpected(patch.error());
  }
  request.policy_patch = std::move(*patch);
  return request;
}

int fork(Session& session, const Options& options) {
  const auto request = request_of(session, options);
  if (!request) {
    return session.fail(request.error());
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto job = (*daemon)->fork(options.job, *request);
  if (!job) {
    return session.fail(job.error());
  }
  std::string from;
  if (job->current_attempt && job->current_attempt->started_from) {
    const GenerationRef& origin = *job->current_attempt->started_from;
    from = " of " + origin.job.str() + " " + origin.generation.str();
  }
  session.out().acted({*job}, "is a fork" + from, {});
  for (const api::WarningView& warning : job->warnings) {
    session.say("warning: " + warning.message);
  }
  return 0;
}

} // namespace

void add_fork(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("fork", "A new job that starts from a checkpoint of another one");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .text("--generation", options->generation, "gN", "From this one (the newest good one)")
      .text("-J,--job-name", options->name, "NAME", "Of the new job")
      .time_limit("-t,--time", options->time_limit, "Limit of one allocation")
      .text("-o,--output", options->output, "FILE", "Standard output (slurm-%j.out)")
      .text("-e,--error", options->error, "FILE", "Standard error, where the origin has its own")
      .flag("--share-files",
            options->share_files,
            "Files that the program writes may be cut back and written on");
  add_policy_options(verb, options->policy);
  add_sbatch_options(verb, options->sbatch_args, false);
  verb.footer("Slurm's options (-p, -c, --mem …) are taken too: `ckpt submit --help` lists them.\n"
              "JOB is left as it is. Example: ckpt fork j-7 --generation g3 -J what-if");
  verb.runs([options](Session& session) { return fork(session, *options); });
}

} // namespace ckpt::client
