#include "client/array.hpp"
#include "client/commands/commands.hpp"
#include "client/daemon_control.hpp"
#include "client/generation_argument.hpp"
#include "client/job_tables.hpp"
#include "client/session.hpp"
#include "core/base/process.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

struct Options {
  std::string job;
  std::string generation;
  std::optional<std::string> raw;
};

/// The one that was named; without a name the newest that can be started from. Nothing: there is
/// none.
std::optional<api::GenerationView> chosen(const std::vector<api::GenerationView>& all,
                                          std::optional<GenerationId> named) {
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const api::GenerationView& one) {
    return named ? one.id == *named : one.state == GenerationState::sealed;
  });
  return found == all.rend() ? std::nullopt : std::optional(*found);
}

Error no_such(const Options& options) {
  return {ErrorClass::not_found,
          Outcome::permanent,
          "no_such_generation",
          options.generation.empty() ? options.job + " has no sealed checkpoint"
                                     : options.job + " has no " + options.generation,
          "`ckpt gens " + options.job + "` lists what there is."};
}

/// By a process of its own, which goes on however long it takes.
Status copy_raw(Session& session, const api::GenerationView& generation, const Path& to) {
  constexpr hours kPatience{24};
  const auto daemon = session.daemon();
  const auto status = daemon ? (*daemon)->status() : tl::unexpected(daemon.error());
  if (!status) {
    return tl::unexpected(status.error());
  }
  const Path runner = find_program("ckpt-runner", session.env());
  if (runner.empty()) {
    return fail(ErrorClass::unusable,
                "runner_not_found",
                "ckpt-runner is neither beside ckpt nor on PATH",
                "Install it beside ckpt.");
  }
  const Path job = Path(status->store.path) / "jobs" / generation.job.str();
  const auto done = run_command({.argv = {runner.string(),
                                          "raw-copy",
                                          "--job",
                                          job.string(),
                                          "--generation",
                                          generation.id.str(),
                                          "--to",
                                          to.string()},
                                 .env = session.env(),
                                 .cwd = {},
                                 .stdin_data = {}},
                                {.timeout = kPatience});
  if (!done) {
    return tl::unexpected(done.error());
  }
  if (done->status.success()) {
    return {};
  }
  const std::string code = done->out.substr(0, done->out.find('\n'));
  const std::size_t line = done->err.find("\n  "); // the advice stands below the message
  return fail(code == "disk_full"     ? ErrorClass::refused
              : code == "file_exists" ? ErrorClass::conflict
                                      : ErrorClass::failed,
              code.empty() ? "raw_copy_failed" : code,
              done->err.substr(0, std::min(line, done->err.find_last_not_of('\n') + 1)),
              line == std::string::npos ? "" : done->err.substr(line + 3));
}

int gens(Session& session, const Options& options) {
  if (!options.raw && !options.generation.empty()) {
    return session.fail({ErrorClass::usage,
                         Outcome::permanent,
                         "usage",
                         "GENERATION goes with --raw",
                         "`ckpt gens " + options.job + "` lists all."});
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const auto found = (*daemon)->generations(options.job);
  if (!found) {
    return session.fail(with_tasks(session, options.job, found.error()));
  }
  if (!options.raw) {
    const auto attempts = (*daemon)->attempts(options.job);
    if (!attempts) {
      return session.fail(attempts.error());
    }
    session.out().generations(*found, *attempts);
    return 0;
  }
  std::optional<GenerationId> named;
  if (!options.generation.empty()) {
    const auto id = generation_argument(options.generation, options.job);
    if (!id) {
      return session.fail(id.error());
    }
    named = *id;
  }
  const auto generation = chosen(*found, named);
  if (!generation) {
    return session.fail(no_such(options));
  }
  const Path to = std::filesystem::absolute(*options.raw).lexically_normal();
  if (const Status copied = copy_raw(session, *generation, to); !copied) {
    return session.fail(copied.error());
  }
  session.out().generation_acted(*generation,
                                 "copied raw into " + to.string() + " (" +
                                     std::string(word(*generation->engine)) + " " +
                                     generation->engine_version + ")");
  return 0;
}

} // namespace

void add_gens(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("gens", "Checkpoints of a job, with size, trigger and lineage");
  verb.argument("JOB", options->job, "Id, name, Slurm job id, or last")
      .optional_argument("GENERATION", options->generation, "With --raw: this one (the newest)");
  verb.text("--raw",
            options->raw,
            "FOLDER",
            "Copy its images there, uncompressed and verified, to be restarted by hand");
  verb.footer(kGenerationsLegend);
  verb.runs([options](Session& session) { return gens(session, *options); });
}

} // namespace ckpt::client
