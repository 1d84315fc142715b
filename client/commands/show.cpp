#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

Result<JobDetails> details_of(ApiClient& client, const std::string& selector) {
  auto job = client.job(selector);
  if (!job) {
    return tl::unexpected(job.error());
  }
  const std::string id = job->id.str();
  auto attempts = client.attempts(id);
  if (!attempts) {
    return tl::unexpected(attempts.error());
  }
  auto generations = client.generations(id);
  if (!generations) {
    return tl::unexpected(generations.error());
  }
  return JobDetails{std::move(*job), std::move(*attempts), std::move(*generations)};
}

} // namespace

void add_show(Cli& cli) {
  auto job = std::make_shared<std::string>();
  Verb verb = cli.verb("show", "Everything about a job: state, attempts, checkpoints, reasons");
  verb.argument("JOB", *job, "Id, name, Slurm job id, or last");
  verb.runs([job](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    const auto details = details_of(**daemon, *job);
    if (!details) {
      return session.fail(details.error());
    }
    session.out().details(*details);
    return 0;
  });
}

} // namespace ckpt::client
