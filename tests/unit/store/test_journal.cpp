#include "core/store/journal.hpp"
#include "core/store/lines.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

AttemptEvent full_event() {
  AttemptEvent event;
  event.at = sample_time();
  event.kind = AttemptEventKind::checkpoint_sealed;
  event.code = "code";
  event.reason = "line one\nline two \"quoted\" é";
  event.generation = GenerationId{3};
  event.trigger = Trigger::before_walltime;
  event.end_reason = EndReason::walltime;
  event.exit_code = 7;
  event.signal = 9;
  event.order = 12;
  event.revision = 4;
  event.time = sample_time() + hours{1};
  event.bytes = 1'234'567'890'123;
  event.blocked = milliseconds{351};
  event.engine = EngineVersion{EngineKind::criu, "4.2.1"};
  return event;
}

AttemptEvent event_of(AttemptEventKind kind, const std::string& reason = "") {
  AttemptEvent event;
  event.at = sample_time();
  event.kind = kind;
  event.reason = reason;
  return event;
}

/// A file of three events, as text.
std::string three_events(const Path& file) {
  AttemptJournal journal(file);
  need(journal.append(event_of(AttemptEventKind::claimed)));
  need(journal.append(full_event()));
  need(journal.append(event_of(AttemptEventKind::ended, "done")));
  return slurp(file);
}

} // namespace

TEST_CASE("journal: what is written is read, with numbers") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  three_events(file);
  const auto batch = need(read_attempt_events(file));
  REQUIRE(batch.events.size() == 3);
  CHECK_FALSE(batch.damaged);
  AttemptEvent expected = full_event();
  expected.number = 2;
  CHECK(batch.events[1] == expected);
  CHECK(batch.events[2].number == 3);
  CHECK(batch.position.offset == std::filesystem::file_size(file));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("journal: every kind of event is read again") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  AttemptJournal journal(file);
  for (const AttemptEventKind kind : Words<AttemptEventKind>::kAll) {
    need(journal.append(event_of(kind)));
  }
  const auto batch = need(read_attempt_events(file));
  CHECK(batch.events.size() == Words<AttemptEventKind>::kAll.size());
  auto jobs = need(JobJournal::open(dir.path() / "job.jsonl"));
  for (const JobEventKind kind : Words<JobEventKind>::kAll) {
    JobEvent event;
    event.kind = kind;
    event.reason = "r";
    event.by = "user";
    event.idempotency_key = "k";
    event.token = SubmissionToken{"t"};
    event.scheduler_job_id = SchedulerJobId{"24_1"};
    event.generation = GenerationId{2};
    event.attempt = AttemptId{4};
    event.exit_code = 1;
    event.signal = 2;
    event.revision = 3;
    const auto written = need(jobs.append(event));
    CHECK(written.at != TimePoint{});
    const auto all = need(read_job_events(dir.path() / "job.jsonl"));
    CHECK(all.events.back() == written);
  }
}

TEST_CASE("journal: a tail torn at any length is ignored, and only the tail") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  const std::string text = three_events(file);
  const std::size_t first = text.find('\n') + 1;
  const std::size_t second = text.find('\n', first) + 1;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    put(file, text.substr(0, length));
    const auto batch = need(read_attempt_events(file));
    const std::size_t whole = length == text.size() ? 3
                              : length >= second    ? 2
                              : length >= first     ? 1
                                                    : 0;
    CHECK(batch.events.size() == whole);
    CHECK_FALSE(batch.damaged);
  }
}

TEST_CASE("journal: a flipped byte is seen, and nothing behind it is believed") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  const std::string text = three_events(file);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char with : {'\n', '0', '\0', static_cast<char>(text[at] ^ 1)}) {
      if (text[at] == with) {
        continue;
      }
      std::string flipped = text;
      flipped[at] = with;
      const Lines lines = parse_lines(flipped, {});
      const auto before = static_cast<std::size_t>(
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
      CHECK(lines.json.size() == before);
      CHECK_MESSAGE(lines.damaged, at);
    }
  }
}

TEST_CASE("journal: a reader goes on from where it was") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  CHECK(need(read_attempt_events(file)).events.empty());
  AttemptJournal journal(file);
  ReadPosition position;
  for (int i = 1; i <= 20; ++i) {
    need(journal.append(event_of(AttemptEventKind::warning, std::to_string(i))));
    const auto batch = need(read_attempt_events(file, position));
    REQUIRE(batch.events.size() == 1);
    CHECK(batch.events[0].number == i);
    CHECK(batch.events[0].reason == std::to_string(i));
    position = batch.position;
  }
  CHECK(need(read_attempt_events(file, position)).events.empty());
}

TEST_CASE("journal: a reader that races the writer sees whole events only") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  const pid_t writer = ::fork();
  if (writer == 0) {
    AttemptJournal journal(file);
    for (int i = 0; i < 200; ++i) {
      if (!journal.append(full_event())) {
        ::_exit(1);
      }
    }
    ::_exit(0);
  }
  ReadPosition position;
  std::int64_t seen = 0;
  int status = 0;
  bool over = false;
  while (!over) {
    over = ::waitpid(writer, &status, WNOHANG) == writer; // one more read after the end
    const auto batch = need(read_attempt_events(file, position));
    REQUIRE_FALSE(batch.damaged);
    for (const AttemptEvent& event : batch.events) {
      CHECK(event.number == ++seen);
    }
    position = batch.position;
  }
  CHECK(status == 0);
  CHECK(seen == 200);
}

TEST_CASE("journal: a runner never writes on in another's file") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  three_events(file);
  AttemptJournal second(file);
  CHECK(code_of(second.append(full_event())) == "journal_not_ours");
  CHECK(need(read_attempt_events(file)).events.size() == 3);
}

TEST_CASE("journal: the daemon's successor goes on behind the last good line") {
  const TempDir dir;
  const Path file = dir.path() / "job.jsonl";
  JobEvent event;
  event.kind = JobEventKind::parked;
  {
    auto journal = need(JobJournal::open(file));
    need(journal.append(event));
    need(journal.append(event));
  }
  const std::string good = slurp(file);
  for (std::size_t torn = 0; torn < 25; ++torn) {
    put(file, good + frame_line(3, "{\"at\":\"never\"}").substr(0, torn));
    auto journal = need(JobJournal::open(file));
    CHECK(slurp(file) == good);
    CHECK(need(journal.append(event)).number == 3);
    CHECK(need(read_job_events(file)).events.size() == 3);
  }
  std::string damaged = good;
  damaged[good.size() - 2] = '?';
  put(file, damaged);
  CHECK(code_of(JobJournal::open(file)) == "journal_damaged");
}

TEST_CASE("journal: two daemons do not write into each other's lines") {
  const TempDir dir;
  const Path file = dir.path() / "job.jsonl";
  JobEvent event;
  auto old_one = need(JobJournal::open(file));
  need(old_one.append(event));
  auto new_one = need(JobJournal::open(file));
  need(new_one.append(event));
  CHECK(code_of(old_one.append(event)) == "journal_not_ours");
  CHECK(need(new_one.append(event)).number == 3);
}

TEST_CASE("journal: after a failed append the same event can be appended again") {
  const TempDir dir;
  const Path folder = dir.path() / "attempt";
  const Path file = folder / "journal.jsonl";
  AttemptJournal journal(file);
  CHECK_FALSE(journal.append(full_event()).has_value()); // the folder is not there
  put(file, "");
  SUBCASE("nothing was written") {}
  SUBCASE("a part was written") {
    put(file, "1 30 12");
  }
  SUBCASE("all of it was written, and a reader may have seen it") {
    AttemptEvent event = full_event();
    const Path other = dir.path() / "other.jsonl";
    need(AttemptJournal(other).append(event));
    put(file, slurp(other));
  }
  CHECK(need(journal.append(full_event())).number == 1);
  CHECK(need(journal.append(event_of(AttemptEventKind::ended))).number == 2);
  const auto batch = need(read_attempt_events(file));
  CHECK(batch.events.size() == 2);
  CHECK_FALSE(batch.damaged);
}

TEST_CASE("journal: an event that this version does not know stops the reader before it") {
  const TempDir dir;
  const Path file = dir.path() / "journal.jsonl";
  const std::string good = three_events(file);
  put(file, good + frame_line(4, R"({"at":"2026-01-01T00:00:00.000Z","kind":"from_the_future"})"));
  const auto batch = need(read_attempt_events(file));
  CHECK(batch.events.size() == 3);
  CHECK(batch.damaged);
  CHECK(batch.position.offset == good.size());
}
