#include "core/base/strings.hpp"
#include "daemon/messenger.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

// People hear of a job once at its first start and once when it is over or parked, never of an
// attempt; and of nothing twice, unless the daemon died in the moment between.

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;
using store::NoticeWay;

namespace {

JobId submit(World& world,
             const std::vector<std::string>& args,
             const std::string& name = "count") {
  auto request = world.request(name);
  request.spec.sbatch_args = args;
  const auto id = world.commands->submit(request);
  REQUIRE_MESSAGE(id, (id ? "" : id.error().message));
  world.pass(seconds{2});
  return *id;
}

std::vector<std::string> changes(const World& world) {
  std::vector<std::string> all;
  for (const Message& message : world.messenger.sent) {
    all.push_back(std::string(word(message.way)) + " " + message.change);
  }
  return all;
}

using Changes = std::vector<std::string>;

/// Runs it to its walltime and through the requeue, up to the second attempt.
ScriptedRunner second_attempt(World& world, JobId job) {
  const SchedulerJobId id = world.newest_allocation();
  ScriptedRunner first = world.begin(job, id);
  world.seal(job, first, Trigger::before_walltime);
  first.end(EndReason::walltime);
  world.scheduler.exit(id, 85);
  world.pass(seconds{30});
  return world.begin(job, world.newest_allocation());
}

} // namespace

TEST_CASE("a mail when it begins and one when it ends, and none for what happens between") {
  World world;
  world.scheduler.site = {"/usr/bin/site-mail", "example.org"};
  const JobId job = submit(world, {"--mail-type=ALL", "--mail-user=ada"});
  CHECK(changes(world).empty());
  ScriptedRunner runner = second_attempt(world, job);
  world.pass(seconds{5});
  CHECK(changes(world) == Changes{"mail began"});
  runner.end(EndReason::completed, 0);
  world.pass(seconds{5});
  CHECK(changes(world) == Changes{"mail began", "mail completed"});
  const Message& mail = world.messenger.sent.back();
  CHECK(mail.to == "ada@example.org");
  CHECK(mail.subject.find("Name=count Ended, COMPLETED, ExitCode 0") != std::string::npos);
  CHECK(world.messenger.last_site.program == "/usr/bin/site-mail");
  api::EventFilter all;
  all.after = 0;
  const auto events = world.commands->events(all, job);
  REQUIRE(events);
  CHECK(std::count_if(events->items.begin(), events->items.end(), [](const auto& event) {
          return event.type == "notified" &&
                 event.message.find("ada@example.org") != std::string::npos;
        }) == 2);
}

TEST_CASE("which changes are mailed is what sbatch's types say") {
  struct Case {
    std::vector<std::string> args;
    EndReason end;
    Changes mails;
  };
  const Case cases[] = {
      {{}, EndReason::failed, {}},
      {{"--mail-user=ada"}, EndReason::failed, {}},
      {{"--mail-type=END"}, EndReason::completed, {"mail completed"}},
      {{"--mail-type=FAIL"}, EndReason::completed, {}},
      {{"--mail-type=FAIL"}, EndReason::failed, {"mail failed"}},
      {{"--mail-type=END,FAIL"}, EndReason::failed, {"mail failed"}}, // one, not two
      {{"--mail-type=end"}, EndReason::cancelled, {"mail cancelled"}},
      {{"--mail-type=FAIL"}, EndReason::out_of_memory, {"mail parked"}},
      {{"--mail-type=REQUEUE,TIME_LIMIT_80"}, EndReason::failed, {}},
      {{"--mail-type=ALL", "--mail-type=NONE"}, EndReason::failed, {}},
  };
  for (const Case& one : cases) {
    CAPTURE(join(one.args, " "));
    World world;
    const JobId job = submit(world, one.args);
    ScriptedRunner runner = world.begin(job, world.newest_allocation());
    runner.end(one.end, 1);
    world.scheduler.exit(world.newest_allocation(), 1);
    world.pass(seconds{10});
    CHECK(changes(world) == one.mails);
  }
}

TEST_CASE("types and addresses that sbatch would refuse are refused before anything is made") {
  World world;
  auto request = world.request("count");
  request.spec.sbatch_args = {"--mail-type=SOMETIMES"};
  const auto type = world.commands->submit(request);
  REQUIRE_FALSE(type);
  CHECK(type.error().code == "bad_mail_type");
  request.spec.sbatch_args = {"--mail-type=END", "--mail-user=-oops"};
  const auto user = world.commands->submit(request);
  REQUIRE_FALSE(user);
  CHECK(user.error().code == "bad_mail_user");
  CHECK(world.commands->list({})->items.empty());
}

TEST_CASE("the command hears of every job's end and of one that is parked, with the job as JSON") {
  World world;
  world.tells_command = true;
  world.start_daemon();
  const JobId job = submit(world, {});
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  runner.end(EndReason::out_of_memory, {}, "too much");
  world.scheduler.exit(world.newest_allocation(), 1);
  world.pass(seconds{5});
  REQUIRE(changes(world) == Changes{"command parked"});
  CHECK(world.messenger.sent.back().reason.find("out of memory") != std::string::npos);
  const auto json = parse_json(world.messenger.sent.back().text);
  REQUIRE(json);
  CHECK((*json)["id"] == job.str());
  CHECK((*json)["state"] == "parked");
  REQUIRE(world.commands->restart(job, {}));
  world.pass(seconds{3});
  ScriptedRunner second = world.begin(job, world.newest_allocation());
  second.end(EndReason::completed, 0);
  world.pass(seconds{5});
  CHECK(changes(world) == Changes{"command parked", "command completed"});
}

TEST_CASE("what cannot be sent is tried again, later and later, seen in the job, and given up") {
  World world;
  const JobId job = submit(world, {"--mail-type=END"});
  world.messenger.refusal = "no such host";
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  runner.end(EndReason::completed, 0);
  world.pass(seconds{30});
  CHECK(world.messenger.tries == 1);
  REQUIRE(world.view(job).warnings.size() == 1);
  CHECK(world.view(job).warnings.front().code == "notification_failing");
  CHECK(world.view(job).warnings.front().message.find("no such host") != std::string::npos);
  const int asked = world.scheduler.calls("snapshot");
  world.pass(minutes{10});
  CHECK(world.messenger.tries == 4);                     // after 1, 2 and 4 minutes
  CHECK(world.scheduler.calls("snapshot") <= asked + 1); // that is nothing to ask Slurm for
  SUBCASE("and sent when it can be") {
    world.messenger.refusal.clear();
    world.pass(minutes{10});
    CHECK(changes(world) == Changes{"mail completed"});
    CHECK(world.view(job).warnings.empty());
  }
  SUBCASE("by the next daemon too") {
    world.messenger.refusal.clear();
    world.start_daemon(true);
    world.pass(seconds{3});
    CHECK(changes(world) == Changes{"mail completed"});
  }
  SUBCASE("or not at all, and then the job says so for good") {
    world.clock.pass(hours{25});
    world.pass(seconds{5});
    CHECK(changes(world).empty());
    world.messenger.refusal.clear();
    world.start_daemon();
    world.pass(minutes{5});
    CHECK(changes(world).empty());
    REQUIRE(world.view(job).warnings.size() == 1);
    CHECK(world.view(job).warnings.front().code == "notification_failed");
    CHECK_FALSE(world.notifier->busy());
  }
}

TEST_CASE("a daemon that was away for long tells of what it had not told, and only of that") {
  World world;
  const JobId job = submit(world, {"--mail-type=END"});
  world.messenger.refusal = "down";
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  runner.end(EndReason::completed, 0);
  world.pass(seconds{5});
  world.stop_daemon();
  world.clock.pass(hours{3}); // so long over that nobody else looks at it
  world.messenger.refusal.clear();
  world.start_daemon();
  world.pass(seconds{3});
  CHECK(changes(world) == Changes{"mail completed"});
  world.start_daemon();
  world.pass(minutes{3});
  CHECK(changes(world) == Changes{"mail completed"});
  world.start_daemon(true);
  world.pass(minutes{3});
  CHECK(changes(world) == Changes{"mail completed"});
}

TEST_CASE("a daemon that dies between telling and writing it down tells the same again") {
#if !CKPT_KILL_POINTS
  MESSAGE("built without kill points: skipped");
#else
  for (const std::string point : {"notice.deliver", "notice.delivered"}) {
    CAPTURE(point);
    const TempFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("CKPT_KILL_AT", (point + ":1").c_str(), 1);
      World world(folder.path());
      const JobId job = submit(world, {"--mail-type=END"});
      ScriptedRunner runner = world.begin(job, world.newest_allocation());
      runner.end(EndReason::completed, 0);
      world.pass(seconds{5});
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 137);
    World world(folder.path());
    world.pass(minutes{2});
    CHECK(changes(world) == Changes{"mail completed"});
  }
#endif
}

TEST_CASE("a mail by sendmail has headers that nothing in a job can add to") {
  api::JobView job;
  job.id = JobId{7};
  job.name = "evil\nBcc: all@example.org";
  Notice notice;
  notice.number = 12;
  notice.kind = store::JobEventKind::parked;
  notice.reason = "späte\nX-Other: 1";
  Message message;
  message.job = job.id;
  message.number = notice.number;
  message.to = "ada@example.org";
  message.subject = mail_subject(notice, job);
  message.text = mail_text(notice, job);
  const std::string whole = mail_with_headers(message, "login1");
  const auto lines = split_lines(whole);
  const auto blank = std::find(lines.begin(), lines.end(), "");
  REQUIRE(blank != lines.end());
  CHECK(blank - lines.begin() == 7);
  CHECK(lines[0] == "To: ada@example.org");
  CHECK(lines[1].starts_with("Subject: ckpt j-7: Name=evil Bcc"));
  CHECK(lines[2].find("<ckpt.j-7.12.") != std::string::npos);
}

TEST_CASE("mails go through the program that is set, the site's own, or sendmail") {
  const TempFolder folder;
  const auto program = [&](const std::string& name) {
    const Path path = folder.path() / name;
    REQUIRE(write_file_atomically(path,
                                  "#!/bin/sh\n{ echo \"" + name +
                                      "\"; printf '%s|' \"$@\"; echo; cat; } >> " +
                                      (folder.path() / "out").string() + "\n"));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  };
  const std::string set = program("mine");
  const std::string site = program("site-mail");
  std::filesystem::create_directories(folder.path() / "bin");
  Message message;
  message.job = JobId{7};
  message.to = "ada";
  message.subject = "it is 'done'";
  message.text = "the text\n";
  MessengerConfig config;
  config.env = {{"PATH", (folder.path() / "bin").string() + ":/usr/bin:/bin"}};
  std::string expected;
  SUBCASE("set") {
    config.mail_command = set + " --quick";
    expected = "mine\n--quick|-s|it is 'done'|ada|\nthe text\n";
  }
  SUBCASE("the site's") {
    expected = "site-mail\n-s|it is 'done'|ada|\nthe text\n";
  }
  ProcessMessenger messenger(config);
  const Status sent = messenger.deliver(message, {site, ""});
  REQUIRE_MESSAGE(sent, (sent ? "" : sent.error().message));
  CHECK(read_file(folder.path() / "out").value_or("") == expected);
}

TEST_CASE(
    "a command gets the job on its standard input, and its failure and its time-out are told") {
  const TempFolder folder;
  MessengerConfig config;
  config.env = {{"PATH", "/usr/bin:/bin"}};
  config.timeout = milliseconds{300};
  Message message;
  message.way = NoticeWay::command;
  message.job = JobId{7};
  message.change = "parked";
  message.reason = "no 'more' $(memory)";
  message.text = "{\"id\":\"j-7\"}\n";
  const Path out = folder.path() / "out";
  config.command = "{ cat; echo \"$CKPT_JOB $CKPT_STATE $CKPT_REASON\"; } > " + out.string();
  REQUIRE(ProcessMessenger(config).deliver(message, {}));
  CHECK(read_file(out).value_or("") == "{\"id\":\"j-7\"}\nj-7 parked no 'more' $(memory)\n");

  config.command = "echo it broke >&2; exit 3";
  const Status failed = ProcessMessenger(config).deliver(message, {});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.find("exit status 3: it broke") != std::string::npos);

  config.command = "sleep 60";
  const Status late = ProcessMessenger(config).deliver(message, {});
  REQUIRE_FALSE(late);
  CHECK(late.error().message.find("in time") != std::string::npos);

  config.timeout = hours{1};
  ProcessMessenger stopped(config);
  stopped.stop(); // a daemon that leaves waits for nobody's script
  CHECK_FALSE(stopped.deliver(message, {}));
}
