#pragma once

#include "core/base/files.hpp"
#include "core/store/records.hpp"

#include <cstdint>
#include <vector>

// One writer a file, a line an event: `<number> <length> <crc32 in hex> <json>\n`, opened,
// appended, fsync'ed and closed each time (close-to-open consistency of NFS). A torn last line is
// ignored by readers and never written on by another writer.

namespace ckpt::store {

/// A file of events, being read from where the last read ended.
struct ReadPosition {
  std::uint64_t offset = 0;
  std::int64_t next_number = 1;
};

template <class Event> struct EventBatch {
  std::vector<Event> events;
  ReadPosition position; ///< to go on from
  bool damaged =
      false; ///< a line that is not the torn last one could not be read; reading stopped before it
};

/// Events from `position` to the end. A file that does not exist yet has no events.
Result<EventBatch<AttemptEvent>> read_attempt_events(const Path& file, ReadPosition position = {});
Result<EventBatch<JobEvent>> read_job_events(const Path& file, ReadPosition position = {});

/// Writes one file of events; one instance a file. Not thread-safe.
class AttemptJournal {
public:
  /// A new runner makes a new file; it never goes on in another's.
  explicit AttemptJournal(Path file) : file_(std::move(file)) {}
  /// Durable when it returns. Sets number (and time, if zero) and returns the event as written.
  /// After a failure the same event may be appended again: the writer first cuts off a torn line of
  /// its own, and finds one that was written whole after all (readers may have seen it: it stays).
  /// Errors besides those of files: `journal_not_ours` (conflict).
  Result<AttemptEvent> append(AttemptEvent event);

private:
  Path file_;
  std::int64_t next_number_ = 1;
  std::uint64_t good_length_ = 0;
  bool unsure_ = false; ///< the last append failed: its line may be there
};

class JobJournal {
public:
  /// Goes on after the last good line (the daemon's successor continues its predecessor's file); a
  /// torn tail is cut off. `journal_damaged` when a line before the end cannot be read.
  static Result<JobJournal> open(Path file);
  Result<JobEvent> append(JobEvent event);

private:
  JobJournal(Path file, ReadPosition end) : file_(std::move(file)), end_(end) {}
  Path file_;
  ReadPosition end_;
  bool unsure_ = false;
};

} // namespace ckpt::store
