#include "client/format.hpp"
#include "client/output.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::client;

TEST_CASE("durations for people") {
  CHECK(short_duration(milliseconds{0}) == "0s");
  CHECK(short_duration(milliseconds{40}) == "40ms");
  CHECK(short_duration(milliseconds{300}) == "0.3s");
  CHECK(short_duration(seconds{9}) == "9s");
  CHECK(short_duration(seconds{75}) == "1m15s");
  CHECK(short_duration(hours{2} + minutes{14} + seconds{59}) == "2h14m");
  CHECK(short_duration(hours{1} + seconds{5}) == "1h");
  CHECK(short_duration(hours{76}) == "3d4h");
  CHECK(short_duration(seconds{-5}) == "0s");
  const TimePoint now(seconds{1'000'000});
  CHECK(ago(now - minutes{5}, now) == "5m ago");
  CHECK(ago(now + minutes{5}, now) == "in 5m");
  CHECK(ago(now - milliseconds{400}, now) == "now");
  CHECK(ago(now + milliseconds{400}, now) == "now");
}

TEST_CASE("a table fits its width while a column can give way") {
  Table table({{"ID", Table::Column::left},
               {"NAME", Table::Column::flexible},
               {"N", Table::Column::right}});
  table.row({"j-1", std::string(200, 'x'), "7"});
  table.row({"j-100", "short", "1000"});
  for (const std::string& line : split_lines(table.str(80))) {
    CHECK(display_width(line) <= 80);
  }
  const auto lines = split_lines(table.str(40));
  CHECK(lines.size() == 3);
  CHECK(lines[1].find("…") != std::string::npos);
  CHECK(lines[1].ends_with("     7"));
  CHECK(lines[2].starts_with("j-100  short"));
}

TEST_CASE("a column that is empty everywhere is left out") {
  Table table({{"A", Table::Column::left},
               {"REASON", Table::Column::flexible},
               {"B", Table::Column::left}});
  table.row({"1", "", "2"});
  CHECK(table.str(80) == "A  B\n1  2\n");
  table.row({"3", "why", ""});
  CHECK(table.str(80) == "A  REASON  B\n1          2\n3  why\n");
}

TEST_CASE("cells cannot break the terminal or the table") {
  Table table({{"NAME", Table::Column::flexible}});
  table.row({"evil\033[2J\nname\a"});
  CHECK(table.str(80) == "NAME\nevil?[2J name?\n");
  CHECK(printable("a\033[31mb", true) == "a\033[31mb");
  CHECK(printable("a\033[2Jb", true) == "a?[2Jb");
  CHECK(printable("a\033", true) == "a?");
  CHECK(printable("a\033[", true) == "a?[");
  CHECK(printable("tab\tline\n") == "tab\tline\n");
  CHECK(printable("späße → 世 \U0001F600") == "späße → 世 \U0001F600");
  CHECK(printable("a\x9b"
                  "31mb\xff\xc3") == "a?31mb??");
  CHECK(printable("a\xc2\x9b"
                  "2Jb") == "a??2Jb"); // CSI, as a terminal for UTF-8 reads it
  CHECK(printable("exe\u202etxt.\u2066") == "exe???txt.???");
}

TEST_CASE("widths count characters, not bytes") {
  CHECK(display_width("größe") == 5);
  CHECK(shortened("größe", 4) == "grö…");
  CHECK(shortened("größe", 5) == "größe");
}

TEST_CASE("a scheduler is named once") {
  api::SchedulerView view;
  view.kind = SchedulerKind::slurm;
  view.version = "slurm 22.05.8";
  CHECK(scheduler_text(view) == "slurm 22.05.8");
  view.version = "22.05.8";
  CHECK(scheduler_text(view) == "slurm 22.05.8");
}

TEST_CASE("commands in messages name the cluster where it is not the usual one") {
  CHECK(in_cluster("type `ckpt ls`, or `ckpt show j-1`", "local") ==
        "type `ckpt --cluster local ls`, or `ckpt --cluster local show j-1`");
  CHECK(in_cluster("type `ckpt ls`", "") == "type `ckpt ls`");
  CHECK(in_cluster("`ckpt --help`, ckpt ls, `ckpt`", "x") == "`ckpt --help`, ckpt ls, `ckpt`");
}

TEST_CASE("text is wrapped between words") {
  CHECK(wrapped("aaa bbb ccc", 7, 2) == "aaa bbb\n  ccc");
  CHECK(wrapped("one", 80, 2) == "one");
  // A command is to be pasted: it stays whole where it fits a line.
  CHECK(wrapped("or type `ckpt ls x`, or not", 14, 2) == "or type\n  `ckpt ls x`,\n  or not");
  CHECK(wrapped("type `ckpt ls --all`", 10, 0) == "type `ckpt\nls --all`");
  CHECK(wrapped("a lone ` in a text", 10, 0) == "a lone `\nin a text");
  CHECK(wrapped(std::string(100, 'x') + " y", 80, 2) == std::string(100, 'x') + "\n  y");
}

TEST_CASE("a reason says a thing once") {
  api::JobView job;
  job.state = JobState::cancelled;
  job.reason = "cancelled by the user in attempt 3";
  CHECK(outcome_with_reason(job) == "cancelled by the user in attempt 3");
  job.reason = "the partition is gone";
  CHECK(outcome_with_reason(job) == "cancelled: the partition is gone");
  job.state = JobState::failed;
  job.exit_code = 2;
  job.reason = "exit status 2";
  CHECK(outcome_with_reason(job) == "failed (exit status 2)");
  CHECK(trigger_text(Trigger::proof) == "proof: an early one, to see that it can be done");
  CHECK(trigger_text(Trigger::interval) == "interval");
}

TEST_CASE("what was done to a job, and what had become of it before") {
  const auto said = [](JobState state, const std::string& reason) {
    std::FILE* file = std::tmpfile();
    const auto out = make_human_output(file, 40, false, 24);
    out->name_cluster("local");
    api::JobView job;
    job.id = JobId{4};
    job.state = state;
    job.reason = reason;
    out->acted({job}, "stopped", JobState::parked);
    std::rewind(file);
    std::string text(200, ' ');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
  };
  CHECK(said(JobState::parked, "stopped by the user") ==
        "j-4 stopped: parked (stopped by the\nuser)\n");
  CHECK(said(JobState::completed, "") == "j-4 had ended before: completed\n");
  for (const std::string& line : split_lines(said(JobState::parked, "type `ckpt restart j-4`"))) {
    CHECK_MESSAGE(display_width(line) <= 40, line); // with the cluster's name in it
  }
}
