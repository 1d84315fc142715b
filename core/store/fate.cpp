// Invariant: one file, made whole by link(2), decides; what it says never changes. Whoever writes a
// result or a start acts on what stands in the file, not on its own wish.

#include "core/store/fate.hpp"

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/store/layout.hpp"
#include "core/store/records_json.hpp"

namespace ckpt::store {

Result<std::optional<Fate>> read_fate(const JobFolder& folder, AttemptId attempt) {
  auto fate = read_json_file<Fate>(fate_file(folder.path(), attempt), fate_from_json);
  if (!fate && fate.error().code == "no_such_file") {
    return std::optional<Fate>();
  }
  if (!fate) {
    return tl::unexpected(fate.error());
  }
  return std::optional(*std::move(fate));
}

Result<Fate> decide_fate(const JobFolder& folder, AttemptId attempt, const Fate& wish) {
  const Path file = fate_file(folder.path(), attempt);
  // The file says milliseconds; a wish must equal itself when it is read back.
  const auto json = to_json(wish);
  const auto written = fate_from_json(json);
  if (!written) {
    return tl::unexpected(written.error());
  }
  kill_point("fate.link");
  const Status linked = create_file_exclusively(file, dump_json(json));
  kill_point("fate.linked");
  if (linked) {
    return *written;
  }
  // Also after another error than `file_exists`: the link may have been made all the same.
  auto there = read_fate(folder, attempt);
  if (!there) {
    return tl::unexpected(there.error());
  }
  if (!*there) {
    return linked.error().code == "file_exists"
               ? fail(ErrorClass::failed,
                      "io_error",
                      file.string() + " is there and cannot be read yet",
                      "",
                      Outcome::retryable)
               : tl::unexpected<Error>(linked.error());
  }
  if (const Status synced = sync_directory(file.parent_path()); !synced) {
    return tl::unexpected(synced.error());
  }
  return **there;
}

Result<std::vector<Fate>> supersede_older(const JobFolder& folder, AttemptId by) {
  std::vector<Fate> fates;
  Fate wish{.kind = FateKind::superseded,
            .by = by,
            .reason = "attempt " + by.str() + " starts the program",
            .exit_code = {},
            .signal = {},
            .at = system_clock().now()};
  for (AttemptId older{1}; older < by; ++older.value) {
    // What was decided never changes, so an old answer is as good as a new one.
    const auto known = read_fate(folder, older);
    if (!known) {
      return tl::unexpected(known.error());
    }
    const auto decided = *known ? Result<Fate>(**known) : decide_fate(folder, older, wish);
    if (!decided) {
      return tl::unexpected(decided.error());
    }
    fates.push_back(*decided);
  }
  return fates;
}

AttemptEvent end_by_fate(const Fate& result) {
  AttemptEvent event;
  event.at = result.at;
  event.kind = AttemptEventKind::ended;
  event.reason = result.reason;
  event.end_reason = result.exit_code == 0 ? EndReason::completed : EndReason::failed;
  event.exit_code = result.exit_code;
  event.signal = result.signal;
  return event;
}

} // namespace ckpt::store
