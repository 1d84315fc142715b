#include "daemon/registry_file.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <set>

// Which registry is taken as it is, which one is put aside, and which one is nobody's to touch.

using namespace ckpt;
using namespace ckpt::daemon;
using namespace ckpt::daemon::test;

namespace {

constexpr RegistryWish kJobs{.rebuild = false, .store_has_jobs = true, .owner_may_sleep = false};

std::vector<std::string> kept(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("registry.db.", 0) == 0) {
      names.push_back(name);
    }
  }
  return names;
}

void in_sqlite(const Path& file, const std::string& text) {
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(text);
}

void overwrite(const Path& file, std::size_t offset, std::size_t length) {
  std::string text = *read_file(file);
  REQUIRE(text.size() >= offset + length);
  text.replace(offset, length, std::string(length, '\xa5'));
  REQUIRE(write_file_atomically(file, text));
}

} // namespace

TEST_CASE("a registry that is not usable is put aside, and an empty one takes its place") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  REQUIRE(open_registry(file, kJobs));
  REQUIRE(kept(folder.path()).empty());
  const std::pair<const char*, std::function<void()>> rows[] = {
      {"missing", [&] { std::filesystem::remove(file); }},
      {"empty", [&] { std::filesystem::resize_file(file, 0); }},
      {"half a page", [&] { std::filesystem::resize_file(file, 2000); }},
      {"one page", [&] { std::filesystem::resize_file(file, 4096); }},
      {"no database", [&] { REQUIRE(write_file_atomically(file, "hello")); }},
      {"its head", [&] { overwrite(file, 0, 16); }},
      {"the first page's tree", [&] { overwrite(file, 100, 1000); }},
      {"the second page", [&] { overwrite(file, 4096, 4096); }},
      {"a table is gone", [&] { in_sqlite(file, "DROP TABLE events; PRAGMA user_version = 1"); }},
      {"a state that there is not",
       [&] {
         in_sqlite(file,
                   "INSERT INTO jobs (id, name, state, reason, scheduler, engine_wish, created_at, "
                   "argv, cwd, tags, policy) VALUES (3, 'x', 'cancelleq', '', 'slurm', 'auto', 5, "
                   "'[]', '/', '{}', '{}')");
       }},
  };
  for (const auto& [name, damage] : rows) {
    CAPTURE(name);
    const std::size_t before = kept(folder.path()).size();
    damage();
    const bool there = std::filesystem::exists(file);
    const auto bytes = there ? *read_file(file) : std::string();
    const auto opened = open_registry(file, kJobs);
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    CHECK(opened->is_new);
    REQUIRE(opened->rebuilt);
    CHECK(opened->rebuilt->code == "registry_rebuilt");
    CHECK(opened->registry->all_jobs()->empty());
    CHECK(kept(folder.path()).size() == before + (there ? 1 : 0));
    if (there) {
      const std::string& advice = opened->rebuilt->advice;
      const std::size_t at = advice.find((folder.path() / "registry.db.damaged-").string());
      REQUIRE(at != std::string::npos);
      CHECK(*read_file(advice.substr(at, advice.find(';') - at)) == bytes);
    }
  }
  const auto whole = open_registry(file, kJobs);
  REQUIRE(whole);
  CHECK_FALSE(whole->is_new);
  CHECK_FALSE(whole->rebuilt);
}

#if CKPT_KILL_POINTS
TEST_CASE("dying over putting it aside: the next start goes on with that") {
  for (const char* at : {"registry.aside:1", "registry.aside:2", "registry.aside:3"}) {
    CAPTURE(at);
    const TempFolder folder;
    const Path file = folder.path() / "registry.db";
    REQUIRE(write_file_atomically(file, "no database at all"));
    REQUIRE(write_file_atomically(file.string() + "-wal", "its log"));
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("CKPT_KILL_AT", at, 1);
      (void)open_registry(file, kJobs);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WEXITSTATUS(status) == 137);
    const auto opened = open_registry(file, kJobs);
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    CHECK(opened->is_new);
    CHECK(opened->rebuilt);
    std::set<std::string> contents;
    for (const std::string& name : kept(folder.path())) {
      contents.insert(*read_file(folder.path() / name));
    }
    CHECK(contents.count("no database at all") == 1); // SQLite removes a log that is none
  }
}
#endif

TEST_CASE("the first registry of an empty store is no loss") {
  const TempFolder folder;
  const auto opened = open_registry(folder.path() / "registry.db", {});
  REQUIRE(opened);
  CHECK(opened->is_new);
  CHECK_FALSE(opened->rebuilt);
}

TEST_CASE("what somebody else holds, or a newer version wrote, is left alone") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  SUBCASE("newer") {
    in_sqlite(file, "CREATE TABLE future (x); PRAGMA user_version = 99");
    const auto opened = open_registry(file, kJobs);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == "registry_newer");
    CHECK(kept(folder.path()).empty());
  }
  SUBCASE("in use") {
    const auto first = open_registry(file, {});
    REQUIRE(first);
    const auto opened = open_registry(file, kJobs);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == "registry_locked");
    CHECK(kept(folder.path()).empty());
    // Unless its owner was silent for long enough: frozen, he keeps the lock for ever.
    RegistryWish wish = kJobs;
    wish.owner_may_sleep = true;
    const auto beside = open_registry(file, wish);
    REQUIRE(beside);
    CHECK(beside->is_new);
    CHECK(beside->rebuilt);
    CHECK(kept(folder.path()).front().find("taken-over-") != std::string::npos);
    CHECK(first->registry->damage(true).find("replaced") != std::string::npos);
  }
}

TEST_CASE("damage behind an open registry's back is seen") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  const auto opened = open_registry(file, {});
  REQUIRE(opened);
  CHECK(opened->registry->damage(true).empty());
  SUBCASE("removed") {
    std::filesystem::remove(file);
    CHECK(opened->registry->damage(true).find("removed") != std::string::npos);
  }
  SUBCASE("replaced") {
    REQUIRE(write_file_atomically(file, std::string(100000, 'x')));
    CHECK(opened->registry->damage(true).find("replaced") != std::string::npos);
  }
  SUBCASE("cut short") {
    std::filesystem::resize_file(file, 0);
    CHECK(opened->registry->damage(true).find("cut short") != std::string::npos);
  }
  CHECK_FALSE(opened->registry->damage(false).empty()); // and stays
}

TEST_CASE("a registry that cannot be written lags behind, says so, and catches up") {
  World world;
  const JobId job = world.submit();
  world.pass();
  ScriptedRunner runner = world.begin(job, world.newest_allocation());
  world.pass();
  REQUIRE_FALSE(world.reconciler->registry_trouble());
  // As a full disk: nothing can be written behind the first page of a file.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 4096;
  ::setrlimit(RLIMIT_FSIZE, &small);
  runner.seal(GenerationId{1}, Trigger::interval);
  world.pass(seconds{2});
  const bool told = world.reconciler->registry_trouble().has_value();
  const bool known = world.view(job).generations_count == 1; // from what is live
  const auto lagging = world.registry->load(job);
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(told);
  CHECK(known);
  CHECK((!lagging || !*lagging || (*lagging)->generations.empty()));
  world.pass(seconds{2});
  CHECK_FALSE(world.reconciler->registry_trouble());
  const auto loaded = world.registry->load(job);
  REQUIRE(loaded);
  REQUIRE(*loaded);
  CHECK((*loaded)->generations.size() == 1);
  const auto events = *world.registry->events_after(0, job, 1000);
  CHECK(std::count_if(events.begin(), events.end(), [](const StoredEvent& event) {
          return event.row.type == "checkpoint_sealed";
        }) == 1);
}
