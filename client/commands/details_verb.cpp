#include "client/commands/details_verb.hpp"

#include "client/array.hpp"
#include "client/job_details.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_details_verb(Cli& cli, const DetailsVerb& what) {
  auto job = std::make_shared<std::string>();
  Verb verb = cli.verb(what.name, what.help);
  verb.argument("JOB", *job, "Id, name, Slurm job id, or last");
  verb.footer(what.footer);
  verb.runs([job, what](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    auto details = details_of(**daemon, *job);
    if (!details) {
      return session.fail(with_tasks(session, *job, details.error()));
    }
    if (what.last_lines && details->job.state == JobState::failed) {
      details->last_lines = last_lines_of(**daemon, details->job);
    }
    (session.out().*what.tell)(*details);
    return 0;
  });
}

} // namespace ckpt::client
