#include "client/commands/commands.hpp"
#include "client/follow.hpp"
#include "client/onlooker.hpp"
#include "client/selection.hpp"

namespace ckpt::client {
namespace {

struct Options {
  Selection selection;
  bool no_wait = false;
};

bool is_decided(GenerationState state) {
  return state != GenerationState::requested && state != GenerationState::writing &&
         state != GenerationState::verifying;
}

tl::unexpected<Error> not_sealed(const api::GenerationView& one) {
  return fail(ErrorClass::failed,
              "checkpoint_failed",
              one.job.str() + " " + one.id.str() + " " + std::string(word(one.state)) +
                  (one.reason.empty() ? "" : ": " + one.reason),
              "The program goes on where that is possible: `ckpt show " + one.job.str() + "`.");
}

Result<api::GenerationView> checkpoint(Session& session, const std::string& job, bool wait) {
  constexpr seconds kFirstWait{50};
  const auto daemon = session.daemon();
  if (!daemon) {
    return tl::unexpected(daemon.error());
  }
  std::optional<Onlooker> onlooker;
  if (wait) {
    onlooker.emplace(session, **daemon, job);
  }
  auto made = (*daemon)->checkpoint(job, wait ? kFirstWait : seconds{0});
  if (!made || !wait || made->state == GenerationState::sealed) {
    return made;
  }
  // A large image takes longer than one request may wait.
  const std::string id = made->job.str();
  api::GenerationView now = *made;
  const auto ended = wait_for_job(session, id, std::nullopt, [&](const api::JobView& view) {
    const auto again = (*session.daemon())->generation(id, made->id);
    now = again.value_or(now);
    return is_decided(now.state) || is_settled(view.state);
  });
  if (!ended) {
    return tl::unexpected(ended.error());
  }
  return now.state == GenerationState::sealed ? Result<api::GenerationView>(now)
                                              : Result<api::GenerationView>(not_sealed(now));
}

} // namespace

void add_checkpoint(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("checkpoint", "Take one now; returns when it is sealed");
  add_selection(verb, options->selection);
  verb.flag("--no-wait", options->no_wait, "Return at once");
  verb.runs([options](Session& session) {
    return for_each_job<api::GenerationView>(
        session,
        options->selection,
        [&](const std::string& job) { return checkpoint(session, job, !options->no_wait); },
        [&](const auto& made) { session.out().checkpoints(made); });
  });
}

} // namespace ckpt::client
