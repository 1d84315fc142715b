#include "client/commands/commands.hpp"
#include "client/generation_argument.hpp"
#include "client/progress.hpp"
#include "client/session.hpp"

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  std::string generation;
};

constexpr seconds kOneRequest{2}; ///< then the progress is shown

Result<std::vector<GenerationId>> wanted(ApiClient& daemon, const Options& options) {
  if (!options.generation.empty()) {
    return generation_argument(options.generation, options.job).map([](GenerationId id) {
      return std::vector{id};
    });
  }
  const auto all = daemon.generations(options.job);
  if (!all) {
    return tl::unexpected(all.error());
  }
  std::vector<GenerationId> sealed;
  for (const api::GenerationView& one : *all) {
    if (one.state == GenerationState::sealed) {
      sealed.push_back(one.id);
    }
  }
  if (sealed.empty()) {
    return fail(ErrorClass::not_found,
                "no_such_generation",
                "there is no sealed checkpoint to verify",
                "`ckpt checkpoint " + options.job + "` takes one now.");
  }
  return sealed;
}

Result<api::GenerationView> verify_one(Session& session, const std::string& job, GenerationId id) {
  Progress progress(session);
  for (;;) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return tl::unexpected(daemon.error());
    }
    const auto generation = (*daemon)->verify(job, id, kOneRequest);
    if (!generation || !generation->progress) {
      return generation;
    }
    progress.show("reading " + id.str(), *generation->progress);
  }
}

int verify(Session& session, const Options& options) {
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto ids = wanted(**daemon, options);
  if (!ids) {
    return session.fail(ids.error());
  }
  std::vector<api::GenerationView> verified;
  bool corrupt = false;
  for (const GenerationId id : *ids) {
    const auto generation = verify_one(session, options.job, id);
    if (!generation) {
      return session.fail(generation.error());
    }
    corrupt = corrupt || generation->state == GenerationState::corrupt;
    verified.push_back(*generation);
  }
  session.out().verified(verified);
  return corrupt ? 1 : 0;
}

} // namespace

void add_verify(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("verify", "Read checkpoints again, and compare every byte");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .optional_argument("GENERATION", options->generation, "g3; without it all sealed ones");
  verb.footer(
      "Ends with 1 when one of them is not what was sealed: it is marked, and never started from.");
  verb.runs([options](Session& session) { return verify(session, *options); });
}

} // namespace ckpt::client
