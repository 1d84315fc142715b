// Invariants: a line is written on only behind the last good one of this writer; a line that was
// ever whole is never changed or cut.

#include "core/store/journal.hpp"

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/json/json.hpp"
#include "core/store/lines.hpp"
#include "core/store/records_json.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace ckpt::store {

namespace {

Result<AttemptEvent> event_from_json(const nlohmann::json& json, const AttemptEvent*) {
  return attempt_event_from_json(json);
}

Result<JobEvent> event_from_json(const nlohmann::json& json, const JobEvent*) {
  return job_event_from_json(json);
}

template <class Event> Result<Event> parse_event(const std::string& text) {
  const auto json = parse_json(text);
  if (!json) {
    return tl::unexpected(json.error());
  }
  return event_from_json(*json, static_cast<const Event*>(nullptr));
}

template <class Event> Result<EventBatch<Event>> read_events(const Path& file, ReadPosition from) {
  const auto lines = read_lines(file, from);
  if (!lines) {
    return tl::unexpected(lines.error());
  }
  EventBatch<Event> batch;
  batch.position = from;
  batch.damaged = lines->damaged;
  for (std::size_t i = 0; i < lines->json.size(); ++i) {
    auto event = parse_event<Event>(lines->json[i]);
    if (!event) {
      batch.damaged = true;
      return batch;
    }
    event->number = batch.position.next_number;
    batch.events.push_back(*std::move(event));
    batch.position = {lines->ends[i], batch.position.next_number + 1};
  }
  return batch;
}

tl::unexpected<Error> damaged(const Path& file) {
  return fail(ErrorClass::failed,
              "journal_damaged",
              file.string() + " has a line that cannot be read",
              "look at the file: what stands before that line is good");
}

template <class Event> struct Writer {
  const Path& file;
  ReadPosition& end;
  bool& unsure;

  /// Looks at what lies behind the last good line. The event itself if a failed append wrote it
  /// after all.
  Result<std::optional<Event>> tidy(const Event& event) {
    const auto rest = read_lines(file, end);
    if (!rest) {
      return tl::unexpected(rest.error());
    }
    if (!unsure && (!rest->json.empty() || rest->damaged)) {
      return fail(ErrorClass::conflict,
                  "journal_not_ours",
                  "another process has written to " + file.string());
    }
    end = rest->position;
    if (rest->torn || rest->damaged) {
      kill_point("journal.cut");
      if (const Status cut = truncate_file(file, end.offset); !cut) {
        return tl::unexpected(cut.error());
      }
    }
    return rest->json.empty() ? std::nullopt : same_event(event, rest->json.back());
  }

  std::optional<Event> same_event(Event event, const std::string& line) {
    const auto written = parse_event<Event>(line);
    if (!written) {
      return std::nullopt;
    }
    event.at = written->at;
    event.number = end.next_number - 1;
    return dump_json(to_json(event)) == line ? std::optional(event) : std::nullopt;
  }

  Result<Event> append(Event event) {
    auto found = tidy(event);
    if (!found) {
      return tl::unexpected(found.error());
    }
    if (*found) {
      if (const Status synced = sync_file(file); !synced) {
        return tl::unexpected(synced.error());
      }
      unsure = false;
      return **found;
    }
    if (event.at == TimePoint{}) {
      event.at = system_clock().now();
    }
    event.number = end.next_number;
    const std::string line = frame_line(event.number, dump_json(to_json(event)));
    kill_point("journal.append");
    if (const Status appended = append_durably(file, line); !appended) {
      unsure = true;
      return tl::unexpected(appended.error());
    }
    kill_point("journal.appended");
    unsure = false;
    end = {end.offset + line.size(), end.next_number + 1};
    return event;
  }
};

} // namespace

Result<EventBatch<AttemptEvent>> read_attempt_events(const Path& file, ReadPosition position) {
  return read_events<AttemptEvent>(file, position);
}

Result<EventBatch<JobEvent>> read_job_events(const Path& file, ReadPosition position) {
  return read_events<JobEvent>(file, position);
}

Result<AttemptEvent> AttemptJournal::append(AttemptEvent event) {
  ReadPosition end{good_length_, next_number_};
  if (next_number_ == 1 && !unsure_ && ::access(file_.c_str(), F_OK) == 0) {
    return fail(ErrorClass::conflict,
                "journal_not_ours",
                file_.string() + " is there already: it is another runner's");
  }
  auto written = Writer<AttemptEvent>{file_, end, unsure_}.append(std::move(event));
  good_length_ = end.offset;
  next_number_ = end.next_number;
  return written;
}

Result<JobJournal> JobJournal::open(Path file) {
  const auto lines = read_lines(file, {});
  if (!lines) {
    return tl::unexpected(lines.error());
  }
  if (lines->damaged) {
    return damaged(file);
  }
  if (lines->torn) {
    kill_point("journal.cut");
    if (const Status cut = truncate_file(file, lines->position.offset); !cut) {
      return tl::unexpected(cut.error());
    }
  }
  return JobJournal(std::move(file), lines->position);
}

Result<JobEvent> JobJournal::append(JobEvent event) {
  return Writer<JobEvent>{file_, end_, unsure_}.append(std::move(event));
}

} // namespace ckpt::store
