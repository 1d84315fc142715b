// One dump, from the order to a complete folder of images or none.

#include "core/base/clock.hpp"
#include "core/engine/criu/criu_session.hpp"
#include "core/engine/criu/open_files.hpp"
#include "core/engine/dmtcp/processes.hpp"
#include "core/engine/evidence.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace ckpt::engine::criu {
namespace {

constexpr Duration kTick = milliseconds{200};
constexpr Duration kAbortPatience = seconds{5};
constexpr const char* kNotes = "files.txt";

} // namespace

Result<Path> CriuSession::new_generation_folder() {
  for (;;) {
    std::array<char, 16> name{};
    std::snprintf(name.data(), name.size(), "gen-%03d", ++generations_);
    const Path folder = plan_.images_dir / name.data();
    const auto made = make_directory_exclusively(folder);
    if (made) {
      return folder;
    }
    if (made.error().code != "file_exists") {
      return failed("checkpoint_failed", made.error().message, made.error().advice);
    }
  }
}

// CRIU follows parents to children: a process whose parent has ended hangs below our init, and
// would silently be missing in the images.
std::optional<Error> CriuSession::lost_process() const {
  const Tree all = tree();
  for (const ProcessInfo& process : all.program) {
    if (all.init && process.ppid == all.init->pid && inner_pid(process.pid) != root_in_namespace_) {
      return Error{ErrorClass::failed,
                   Outcome::retryable,
                   "checkpoint_failed",
                   "process " + std::to_string(process.pid) + " (" + process.comm +
                       ") of the program has lost its parent; CRIU cannot carry it along",
                   "start it so that its parent waits for it, or use the engine dmtcp"};
    }
  }
  return std::nullopt;
}

std::vector<pid_t> CriuSession::parents() const {
  std::vector<pid_t> pids;
  for (const ProcessInfo& process : program_processes()) {
    pids.push_back(process.pid);
  }
  return pids;
}

Status CriuSession::at_freeze(const Path& images, const CheckpointRequest& request) {
  const DumpNotes notes{
      .stdout_path = plan_.stdout_path,
      .stderr_path = plan_.stderr_path,
      .files = writable_files(program_processes(), {plan_.stdout_path, plan_.stderr_path})};
  if (auto written = write_file_atomically(images / kNotes, encode(notes)); !written) {
    return written;
  }
  if (::geteuid() != 0 && has_foreign_deleted_file(images)) {
    return failed(
        "checkpoint_failed",
        "the program has a file open that was deleted (or replaced) and belongs to another "
        "user or group: CRIU could not put it back (DMTCP could)",
        "start the job again when it matters, with `--engine dmtcp`");
  }
  if (auto whole = killed_.check(); !whole) {
    return whole;
  }
  return request.while_frozen ? request.while_frozen() : Status{};
}

void CriuSession::abort_dump() {
  static_cast<void>(send_message(control_.get(), {"abort", {}}));
  const auto deadline = now() + kAbortPatience;
  while (now() < deadline && helper_in_namespace_ != 0) {
    const auto message = next(kTick);
    if (!message && message.error().code == "engine_dead") {
      return;
    }
  }
}

Result<Message> CriuSession::dump(const Path& images,
                                  const Path& log,
                                  const CheckpointRequest& request,
                                  CheckpointImages& result,
                                  const std::function<bool()>& at_hook) {
  const auto started = now();
  result.frozen_at = system_clock().now();
  if (auto sent = send_message(control_.get(), {"dump", {images.string(), log.string()}}); !sent) {
    return tl::unexpected(sent.error());
  }
  helper_in_namespace_ = -1; // until the init names it
  Progress progress(request.stall_timeout);
  for (;;) {
    auto message = next(kTick);
    if (!message) {
      return tl::unexpected(message.error());
    }
    const std::string word = *message ? (*message)->word : "";
    if (word == "frozen") {
      static_cast<void>(send_message(control_.get(), {at_hook() ? "go" : "stop", {}}));
    } else if (word == "dumped" || word == "ended") {
      result.blocked = now() - started;
      return **message;
    }
    const dmtcp::Work work = dmtcp::work_of(tree().helpers);
    if (progress.stalled(bytes_in(images) + work.bytes + work.cpu_ticks)) {
      return stalled("checkpoint_stalled",
                     "criu dump made no progress for " + format_duration(request.stall_timeout),
                     log);
    }
    if (now() - started > request.timeout) {
      return stalled("checkpoint_stalled",
                     "criu dump took longer than " + format_duration(request.timeout),
                     log);
    }
  }
}

tl::unexpected<Error> CriuSession::dump_failed(const std::string& status, const Path& log) {
  const auto text = read_file(log);
  // Without its log (the store may be read-only there) CRIU says it to whoever started it.
  constexpr std::size_t kLastLines = 512;
  const std::string errors =
      first_errors(text ? *text : read_end_of_file(plan_.work_dir / "ns-init.log", kLastLines));
  return failed("checkpoint_failed",
                "criu dump ended with " + status + (errors.empty() ? "" : ": " + errors),
                "see " + log.string());
}

Result<CheckpointImages> CriuSession::checkpoint(const CheckpointRequest& request) {
  std::uint64_t earlier = 0;
  static_cast<void>(::read(interrupted_.get(), &earlier, sizeof(earlier)));
  killed_.settle(interrupted_.get());
  if (auto lost = lost_process()) {
    return tl::unexpected(*lost);
  }
  const auto folder = new_generation_folder();
  if (!folder) {
    return tl::unexpected(folder.error());
  }
  static_cast<void>(remove_file(plan_.work_dir / "stats-dump")); // of the dump before
  const Path log = plan_.work_dir / ("dump-" + folder->filename().string() + ".log");
  CheckpointImages result;
  bool frozen = false;
  std::optional<Error> refused;
  const auto done = dump(*folder, log, request, result, [&] {
    frozen = true;
    const Status looked = at_freeze(*folder, request);
    if (!looked) {
      refused = looked.error();
    }
    return looked.has_value();
  });
  if (done && done->word == "dumped" && done->arguments.at(0) == "0" && frozen && !refused) {
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
      result.images.push_back(entry.path());
    }
    // What passed from order to answer includes CRIU's own start; its statistics know better.
    if (const auto stats = read_file(plan_.work_dir / "stats-dump", 65536)) {
      const auto frozen_for = parse_frozen_microseconds(*stats);
      const Duration exact = milliseconds{(frozen_for.value_or(0) + 999) / 1000};
      result.blocked = frozen_for && exact < result.blocked ? exact : result.blocked;
    }
    std::sort(result.images.begin(), result.images.end());
    return result;
  }
  if (!done && done.error().code != "engine_dead") {
    abort_dump();
  }
  static_cast<void>(remove_tree(*folder)); // whatever made it fail, half a set is only a danger
  if (ended_ || (!done && done.error().code == "engine_dead")) {
    return failed(
        "program_gone", "the program ended during the checkpoint", {}, Outcome::permanent);
  }
  if (!done) {
    return tl::unexpected(done.error());
  }
  if (refused) {
    return tl::unexpected(*refused);
  }
  return dump_failed(done->arguments.at(0), log);
}

} // namespace ckpt::engine::criu
