#include "daemon/owner.hpp"
#include "daemon/registry/registry.hpp"
#include "daemon/registry/schema.hpp"
#include "tests/unit/daemon/harness.hpp"

#include <SQLiteCpp/SQLiteCpp.h>

#include <set>

using namespace ckpt;
using namespace ckpt::daemon;
using ckpt::daemon::test::FakeClock;
using ckpt::daemon::test::TempFolder;

namespace {

JobModel some_model() {
  JobSpec spec;
  spec.id = JobId{7};
  spec.name = "count";
  spec.argv = {"/bin/sh", "\xff\xfe"};
  spec.cwd = "/";
  Policy policy;
  policy.tags = {{"user", "me"}};
  return model_of(spec, policy);
}

/// Version 1 as its migration made it, with a job in it.
void make_version_1(const Path& file) {
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec(std::string(schema::migrations().front()));
  db.exec("INSERT INTO schema_version VALUES (1, 1, '0.0.1')");
  db.exec("PRAGMA user_version = 1");
  db.exec("INSERT INTO jobs (id, name, state, reason, scheduler, engine_wish, created_at, argv, "
          "cwd, tags, policy) VALUES (3, 'old', 'parked', 'why', 'slurm', 'auto', 5, "
          "'[\"/bin/true\"]', '/', '{}', '{}')");
}

std::set<std::string> shape(SQLite::Database& db) {
  std::set<std::string> all;
  SQLite::Statement tables(db,
                           "SELECT m.name || '.' || c.name || ':' || c.type || c.\"notnull\" || "
                           "c.pk FROM sqlite_master m, pragma_table_info(m.name) c UNION SELECT "
                           "'index ' || name FROM sqlite_master WHERE type = 'index'");
  while (tables.executeStep()) {
    all.insert(tables.getColumn(0).getString());
  }
  return all;
}

} // namespace

TEST_CASE("the latest schema and the migrations come to the same") {
  SQLite::Database latest(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  SQLite::Database migrated(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  latest.exec(std::string(schema::latest()));
  for (const auto migration : schema::migrations()) {
    migrated.exec(std::string(migration));
  }
  CHECK(shape(latest).size() > 50);
  CHECK(shape(latest) == shape(migrated));
}

TEST_CASE("a database of version 1 is brought up to date and keeps its jobs") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  make_version_1(file);
  {
    const auto registry = Registry::open(file);
    REQUIRE(registry);
    const auto job = (*registry)->load(JobId{3});
    REQUIRE(job);
    REQUIRE(*job);
    CHECK((*job)->job.name == "old");
    CHECK((*job)->job.state == JobState::parked);
    CHECK((*registry)->idempotent("submit", 0, "k"));
  }
  SQLite::Database db(file.string());
  CHECK(db.execAndGet("PRAGMA user_version").getInt() == Registry::latest_version());
  CHECK(db.execAndGet("SELECT version FROM schema_version").getInt() == Registry::latest_version());
}

TEST_CASE("a database of a newer version is refused, naming both, and left alone") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  {
    SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("CREATE TABLE future (x)");
    db.exec("PRAGMA user_version = 99");
  }
  const auto before = read_file(file);
  const auto refused = Registry::open(file);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "registry_newer");
  CHECK(refused.error().message.find("99") != std::string::npos);
  CHECK(refused.error().message.find(std::to_string(Registry::latest_version())) !=
        std::string::npos);
  CHECK(*read_file(file) == *before);
}

TEST_CASE("the registry is locked while it is open, and damage is told") {
  const TempFolder folder;
  const Path file = folder.path() / "registry.db";
  {
    const auto registry = Registry::open(file);
    REQUIRE(registry);
    const auto second = Registry::open(file);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "registry_locked");
  }
  REQUIRE(write_file_atomically(file, std::string(8192, 'x')));
  const auto damaged = Registry::open(file);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == "registry_damaged");
}

TEST_CASE("event and state are written together, and an event comes in once") {
  const TempFolder folder;
  const auto registry = *Registry::open(folder.path() / "registry.db");
  JobModel model = some_model();
  store::JobEvent event;
  event.number = 1;
  event.kind = store::JobEventKind::created;
  event.idempotency_key = "k";
  Change change;
  apply(model, event, change);
  event.number = 2;
  event.kind = store::JobEventKind::submit_intent;
  event.token = SubmissionToken{"t1"};
  apply(model, event, change);
  REQUIRE(registry->commit(model, change));
  REQUIRE(registry->commit(model, change));
  CHECK(registry->events_after(0, JobId{7}, 100)->size() == 2);
  CHECK(*registry->last_seq() >= 2);
  const auto loaded = *registry->load(JobId{7});
  REQUIRE(loaded);
  CHECK(loaded->job.argv == model.job.argv);
  CHECK(loaded->job.policy == model.job.policy);
  CHECK(loaded->submissions == model.submissions);
  CHECK((*registry->idempotent("submit", 0, "k"))->result == "j-7");
  CHECK(registry->query({{JobState::queued}, {{"user", "me"}}, {}, 10})->size() == 1);
  CHECK(registry->query({{}, {{"user", "you"}}, {}, 10})->empty());
  CHECK(*registry->resolve("count") == std::vector{JobId{7}});
  CHECK(*registry->resolve("last") == std::vector{JobId{7}});
  CHECK(registry->resolve("nothing")->empty());
  CHECK(*registry->newest_names(10) == std::vector<std::string>{"count"});
  CHECK_FALSE(*registry->task_of_array_named("count"));
}

TEST_CASE("one daemon a state folder") {
  const TempFolder folder;
  FakeClock clock;
  const OwnerIdentity self = this_process();
  auto first = Ownership::take(folder.path(), self, clock, seconds{90});
  REQUIRE(first);
  CHECK(first->epoch() == 1);
  SUBCASE("a living one on this host is not disturbed") {
    const auto second = Ownership::take(folder.path(), self, clock, seconds{90});
    REQUIRE_FALSE(second);
    CHECK(second.error().code == "already_running");
    CHECK(second.error().cls == ErrorClass::conflict);
    CHECK(second.error().message.find(std::to_string(self.pid)) != std::string::npos);
    CHECK(first->renew());
  }
  SUBCASE("another boot of this host: taken over at once, and the old one notices") {
    OwnerIdentity rebooted = self;
    rebooted.boot_id = "another";
    const MonoTime before = clock.monotonic();
    const auto second = Ownership::take(folder.path(), rebooted, clock, seconds{90});
    REQUIRE(second);
    CHECK(second->epoch() == 2);
    CHECK(clock.monotonic() == before);
    CHECK_FALSE(first->still_ours());
    CHECK_FALSE(first->renew());
  }
  SUBCASE("another host: only after its silence") {
    OwnerIdentity elsewhere = self;
    elsewhere.host = "elsewhere";
    const MonoTime before = clock.monotonic();
    REQUIRE(Ownership::take(folder.path(), elsewhere, clock, seconds{90}));
    CHECK(clock.monotonic() - before >= seconds{90});
  }
  SUBCASE("one that left lets the next in") {
    first->release();
    CHECK(Ownership::take(folder.path(), self, clock, seconds{90})->epoch() == 2);
  }
}
