#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/domain/machines.hpp"
#include "daemon/commands.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

// The reading use cases.

namespace ckpt::daemon {
namespace {

constexpr int kNamesLookedAt = 1000;
constexpr std::size_t kMostOutput = std::size_t{4} << 20U;

std::string state_word(char state) {
  switch (state) {
  case 'R':
    return "running";
  case 'S':
  case 'I':
    return "sleeping";
  case 'D':
    return "waiting";
  case 'T':
  case 't':
    return "stopped";
  case 'Z':
    return "zombie";
  default:
    return std::string(1, state);
  }
}

api::ProcessView process_view(const ProcessInfo& info, const std::string& role) {
  api::ProcessView view;
  view.pid = info.pid;
  view.ppid = info.ppid;
  view.name = info.comm;
  view.role = role;
  view.state = state_word(info.state);
  view.node = host_name();
  view.resident_bytes = resident_bytes(info.pid);
  view.cpu = Duration(static_cast<std::int64_t>(info.cpu_ticks) * 1000 / ::sysconf(_SC_CLK_TCK));
  return view;
}

std::string role_of(const ProcessInfo& info) {
  const bool engine = info.comm.rfind("dmtcp_", 0) == 0 || info.comm.rfind("mtcp_", 0) == 0 ||
                      info.comm.rfind("criu", 0) == 0 || info.comm == "ckpt-runner" ||
                      info.comm == "unshare";
  return engine ? "engine" : "program";
}

/// With what may have been meant: the tasks of an array of that name, or a name that is near.
tl::unexpected<Error> no_such_job(Registry& registry, const std::string& selector) {
  std::string advice = "`ckpt ls --all` lists them";
  if (const auto task = registry.task_of_array_named(selector); task && *task) {
    const std::string tag = std::string(kArrayTag) + "=" + (*task)->array.str();
    advice = "an array of that name has the tasks " + (*task)->name + " …: `ckpt ls --all --tag " +
             tag + "` lists them; checkpoint, stop, cancel and rm take --tag too";
  } else if (const auto names = registry.newest_names(kNamesLookedAt)) {
    const std::string near = nearest(selector, *names);
    advice = near.empty() ? advice : "did you mean '" + near + "'? " + advice;
  }
  return fail(ErrorClass::not_found, "no_such_job", "there is no job '" + selector + "'", advice);
}

} // namespace

Result<JobId> Commands::resolve(const std::string& selector) {
  const auto ids = reconciler_.ports().registry.resolve(selector);
  if (!ids) {
    return tl::unexpected(ids.error());
  }
  if (ids->empty() && selector == "last") {
    return fail(ErrorClass::not_found,
                "no_such_job",
                "there is no job yet",
                "`ckpt submit -- PROGRAM ARGS…` starts one");
  }
  if (ids->empty()) {
    const auto first = reconciler_.ports().registry.array_with_number(selector);
    if (first && *first) {
      return fail(ErrorClass::usage,
                  "ambiguous_job",
                  "'" + selector + "' is a job array, and each of its tasks a job",
                  "one of them is " + selector + "_INDEX; all are --tag " + kArrayTag + "=" +
                      (*first)->str());
    }
    return no_such_job(reconciler_.ports().registry, selector);
  }
  if (ids->size() > 1) {
    std::string all;
    for (const JobId id : *ids) {
      const auto found = model(id);
      all += (all.empty() ? "" : ", ") + id.str() +
             (found ? " (" + std::string(word(found->job.state)) + ")" : "");
    }
    return fail(ErrorClass::usage,
                "ambiguous_job",
                "'" + selector + "' may mean several jobs",
                "name one of " + all);
  }
  return ids->front();
}

namespace {

/// Of a fork, as long as neither of the two is over.
api::WarningView shared_folder(const JobRow& fork, const JobRow& origin) {
  return {"fork_shares_folder",
          "its program works in " + fork.cwd + ", as that of " + origin.id.str() + " (" +
              std::string(word(origin.state)) +
              ") does: a file that both open by its name is the same file",
          "end one of the two if they write files under fixed names",
          fork.created_at};
}

} // namespace

ViewContext Commands::context(const JobModel& model) {
  ViewContext context;
  context.now = reconciler_.ports().clock.now();
  const store::JobFolder folder = reconciler_.ports().store.job(model.job.id);
  if (const LiveJob* live = reconciler_.find(model.job.id)) {
    context.waits_for = live->waits_for;
    if (live->notice_trouble) {
      context.warnings.push_back(*live->notice_trouble);
    }
    for (const auto& [id, warning] : live->not_moved) {
      context.warnings.push_back(warning);
    }
  }
  for (api::WarningView& warning : reconciler_.waiting_for(model)) {
    context.warnings.push_back(std::move(warning));
  }
  context.scheduler_silent = reconciler_.sightings().outage.has_value();
  const SubmissionRow* open = model.open_submission();
  if (open != nullptr && open->scheduler_job_id) {
    const auto& seen = reconciler_.sightings().by_id;
    const auto found = seen.find(*open->scheduler_job_id);
    context.allocation = found == seen.end() ? nullptr : &found->second;
  }
  if (model.job.array && open != nullptr && open->token.value.find('.') == std::string::npos) {
    context.warnings.push_back(
        {"left_array",
         "it was submitted again by itself, and does not count for its array's limit of tasks at "
         "once any more; who waits for the array in Slurm's queue does not wait for it",
         "",
         open->intended_at});
  }
  context.fork_of = store::fork_of(folder.path());
  if (context.fork_of && !is_final(model.job.state)) {
    const auto origin = this->model(context.fork_of->job);
    if (origin && !is_final(origin->job.state)) {
      context.warnings.push_back(shared_folder(model.job, origin->job));
    }
  }
  context.stdout_path = folder.output("stdout").value_or(Path{}).string();
  context.stderr_path = folder.output("stderr").value_or(Path{}).string();
  return context;
}

Result<api::JobView> Commands::view(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  return job_view(*found, context(*found));
}

Result<api::Page<api::JobView>> Commands::list(const api::JobFilter& filter) {
  const int limit = std::clamp(filter.limit, 1, 1000);
  const auto found =
      reconciler_.ports().registry.query({filter.states, filter.tags, filter.after, limit + 1});
  if (!found) {
    return tl::unexpected(found.error());
  }
  api::Page<api::JobView> page;
  for (const JobModel& model : *found) {
    if (page.items.size() == static_cast<std::size_t>(limit)) {
      page.next = page.items.back().id.str();
      break;
    }
    page.items.push_back(job_view(model, context(model)));
  }
  return page;
}

Result<std::vector<api::AttemptView>> Commands::attempts(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  return attempt_views(*found, context(*found));
}

Result<std::vector<api::GenerationView>> Commands::generations(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  std::vector<api::GenerationView> views;
  for (const auto& [number, row] : found->generations) {
    views.push_back(generation_view(*found, row));
  }
  return views;
}

std::optional<std::uint64_t> Commands::bytes_before(JobId id, GenerationId generation) {
  const auto found = model(id);
  std::optional<std::uint64_t> bytes;
  if (found) {
    for (const auto& [number, row] : found->generations) { // by their numbers
      if (number < generation && row.sealed_at && row.bytes) {
        bytes = row.bytes;
      }
    }
  }
  return bytes;
}

Result<api::GenerationView> Commands::generation(JobId id, GenerationId generation) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  const auto row = found->generations.find(generation);
  if (row == found->generations.end()) {
    return fail(ErrorClass::not_found,
                "no_such_generation",
                id.str() + " has no generation " + generation.str(),
                "`ckpt gens " + id.str() + "` lists them");
  }
  return generation_view(*found, row->second);
}

Result<std::vector<api::ProcessView>> Commands::processes(JobId id) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  std::vector<api::ProcessView> views;
  const AttemptRow* attempt = found->newest_attempt();
  if (attempt == nullptr || !attempt->live()) {
    return views;
  }
  const auto claim = reconciler_.ports().store.job(id).read_claim(attempt->n);
  if (!claim || !*claim) {
    return views;
  }
  const store::Claim& runner = **claim;
  if (runner.host != host_name() || runner.boot_id != boot_id()) {
    // Another machine's: only the runner itself is known from here.
    api::ProcessView view;
    view.pid = runner.pid;
    view.name = "ckpt-runner";
    view.role = "runner";
    view.state = "unknown";
    view.node = runner.host;
    views.push_back(view);
    return views;
  }
  for (const ProcessInfo& info : process_tree(static_cast<pid_t>(runner.pid))) {
    if (info.pid == runner.pid && info.start_ticks != runner.start_ticks) {
      return views; // the runner is gone and its pid was taken by another
    }
    views.push_back(process_view(info, info.pid == runner.pid ? "runner" : role_of(info)));
  }
  return views;
}

Result<std::vector<api::CoordinatorView>> Commands::coordinators() {
  const auto rows = reconciler_.ports().registry.coordinators_of_live_attempts();
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  std::vector<api::CoordinatorView> views;
  for (const Registry::CoordinatorRow& row : *rows) {
    api::CoordinatorView view;
    view.job = row.job;
    view.attempt = row.attempt;
    if (const LiveJob* live = reconciler_.find(row.job)) {
      for (const AttemptRow& attempt : live->model.attempts) {
        if (attempt.n == row.attempt) {
          view.scheduler_job_id = attempt.scheduler_job_id;
          view.engine = attempt.engine.value_or(EngineKind::dmtcp);
        }
      }
    }
    view.version = row.version;
    view.host = row.host;
    view.port = row.port;
    view.pid = row.pid;
    view.started_at = row.started_at;
    const bool here = row.host == host_name();
    const bool runs = here ? process_info(static_cast<pid_t>(row.pid)).has_value()
                           : reconciler_.has_fresh_lease(row.job, row.attempt);
    view.state = runs ? "running" : here ? "gone" : "unknown";
    views.push_back(view);
  }
  return views;
}

Result<api::EventPage> Commands::events(const api::EventFilter& filter, std::optional<JobId> job) {
  Registry& registry = reconciler_.ports().registry;
  const auto last = registry.last_seq();
  if (!last) {
    return tl::unexpected(last.error());
  }
  api::EventPage page;
  page.last_seq = filter.after.value_or(*last);
  const auto rows = registry.events_after(page.last_seq, job, std::clamp(filter.limit, 1, 1000));
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  for (const StoredEvent& row : *rows) {
    page.items.push_back(event_view(row));
    page.last_seq = row.seq;
  }
  return page;
}

Result<api::OutputChunk> Commands::output(JobId id, const api::OutputRequest& request) {
  const auto found = model(id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (request.attempt &&
      std::none_of(found->attempts.begin(), found->attempts.end(), [&](const AttemptRow& one) {
        return one.n == *request.attempt;
      })) {
    return fail(ErrorClass::not_found,
                "no_such_attempt",
                id.str() + " has no attempt " + request.attempt->str(),
                "`ckpt show " + id.str() + "` lists them");
  }
  const store::JobFolder folder = reconciler_.ports().store.job(id);
  Path path;
  const bool log = request.stream == api::OutputStream::runner ||
                   request.stream == api::OutputStream::coordinator;
  if (log) {
    const AttemptId n =
        request.attempt.value_or(found->attempts.empty() ? AttemptId{} : found->attempts.back().n);
    const store::AttemptFolder attempt = folder.attempt(n);
    path = request.stream == api::OutputStream::runner ? attempt.runner_log()
                                                       : attempt.coordinator_log();
  } else {
    path = folder.output(request.stream == api::OutputStream::stdout_text ? "stdout" : "stderr")
               .value_or(Path{});
  }
  api::OutputChunk chunk;
  chunk.offset = request.offset;
  const bool still = !is_final(found->job.state) && found->job.state != JobState::parked;
  chunk.complete = !still;
  // O_NONBLOCK: the user's -o may name a pipe.
  const Fd file(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return chunk;
  }
  chunk.size = static_cast<std::uint64_t>(info.st_size);
  chunk.offset = std::min(request.offset, chunk.size);
  chunk.data.resize(static_cast<std::size_t>(
      std::min<std::uint64_t>(chunk.size - chunk.offset, std::min(request.limit, kMostOutput))));
  const ssize_t got =
      ::pread(file.get(), chunk.data.data(), chunk.data.size(), static_cast<off_t>(chunk.offset));
  chunk.data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  chunk.complete = !still && chunk.offset + chunk.data.size() >= chunk.size;
  return chunk;
}

} // namespace ckpt::daemon
