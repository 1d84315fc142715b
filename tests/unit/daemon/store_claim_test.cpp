#include "daemon/store_claim.hpp"
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon;
using ckpt::daemon::test::FakeClock;
using ckpt::daemon::test::TempFolder;
using ckpt::daemon::test::World;

namespace {

/// A store, and state folders that want it.
struct Places {
  TempFolder folder;
  FakeClock clock;
  Path store = folder.path() / "store";
  Places() { REQUIRE(make_directories(store)); }

  StoreClaim claim_of(const std::string& name, const std::string& cluster = "tiny") {
    const Path state = folder.path() / name;
    REQUIRE(make_directories(state));
    StoreClaim claim;
    claim.self.state_id = *state_id(state);
    claim.self.state_dir = state.string();
    claim.self.cluster = cluster;
    claim.self.uid = 1000;
    claim.self.host = "login1";
    return claim;
  }
  Result<store::StoreOwner> take(const StoreClaim& claim) {
    return claim_store(store, claim, clock);
  }
};

} // namespace

TEST_CASE("a state folder's id stays, and that of a new folder is another") {
  const TempFolder folder;
  const auto id = state_id(folder.path());
  REQUIRE(id);
  CHECK(id->size() == 32);
  CHECK(state_id(folder.path()) == *id);
  REQUIRE(remove_file(folder.path() / "state.id"));
  CHECK(state_id(folder.path()) != *id);
}

TEST_CASE("the first daemon owns the store, the second leaves and says who owns it") {
  Places at;
  const StoreClaim first = at.claim_of("first");
  const auto owner = at.take(first);
  REQUIRE(owner);
  CHECK(owner->epoch == 1);
  CHECK(at.take(first) == *owner); // again and again
  const StoreClaim second = at.claim_of("second", "local");
  const auto refused = at.take(second);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "store_of_another");
  CHECK(refused.error().cls == ErrorClass::conflict);
  for (const std::string& part :
       {first.self.state_dir, std::string("login1"), std::string("tiny")}) {
    CHECK(refused.error().message.find(part) != std::string::npos);
  }
  CHECK(refused.error().advice.find("CKPTD_STORE") != std::string::npos);
  CHECK(refused.error().advice.find("--adopt-store") != std::string::npos);
  CHECK(*store::read_owner(at.store) == *owner);

  SUBCASE("by wish it takes it over, and the first one sees it") {
    StoreClaim wish = second;
    wish.adopt = true;
    const auto taken = at.take(wish);
    REQUIRE(taken);
    CHECK(taken->epoch == 2);
    CHECK(taken->store_id == owner->store_id);
    CHECK_FALSE(still_owns(at.store, *owner));
    CHECK(still_owns(at.store, *taken));
    CHECK(at.take(first).error().code == "store_of_another");
    // A late writer of the older mark brings nobody back.
    REQUIRE(store::rewrite_owner(at.store, *owner));
    CHECK(still_owns(at.store, *taken));
    CHECK_FALSE(still_owns(at.store, *owner));
  }
  SUBCASE("not while the first one's daemon lives, even by wish") {
    auto living = Ownership::take(first.self.state_dir, this_process(), at.clock, seconds{90});
    REQUIRE(living);
    StoreClaim wish = second;
    wish.adopt = true;
    CHECK(at.take(wish).error().code == "store_of_another");
    CHECK(at.take(wish).error().advice.find(std::to_string(::getpid())) != std::string::npos);
    living->release();
    CHECK(at.take(wish));
  }
  SUBCASE("another user's store is never taken") {
    StoreClaim wish = second;
    wish.adopt = true;
    wish.self.uid = 1001;
    CHECK(at.take(wish).error().code == "store_of_another");
  }
}

TEST_CASE("a state folder that is gone gives its store to the next of the same user and cluster") {
  Places at;
  const StoreClaim first = at.claim_of("first");
  const auto owner = at.take(first);
  REQUIRE(owner);
  REQUIRE(remove_tree(first.self.state_dir));

  SUBCASE("made again at the same path") {
    const StoreClaim again = at.claim_of("first");
    CHECK(again.self.state_id != first.self.state_id);
    CHECK(at.take(again)->epoch == 2);
  }
  SUBCASE("elsewhere") {
    CHECK(at.take(at.claim_of("elsewhere"))->epoch == 2);
  }
  SUBCASE("but not to another cluster, which would ask its own Slurm for these jobs") {
    CHECK(at.take(at.claim_of("other", "huge")).error().code == "store_of_another");
    StoreClaim wish = at.claim_of("other", "huge");
    wish.adopt = true;
    CHECK(at.take(wish));
  }
  SUBCASE("and not to another host, which cannot know whether it is gone") {
    StoreClaim far = at.claim_of("first");
    far.self.host = "login2";
    const auto refused = at.take(far);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("not to be seen here") != std::string::npos);
  }
}

TEST_CASE("a state folder may move, and be seen from another host; a copy of it is another one") {
  Places at;
  StoreClaim first = at.claim_of("first");
  REQUIRE(at.take(first));
  StoreClaim moved = first;
  moved.self.state_dir = (at.folder.path() / "moved").string();
  moved.self.host = "login2";
  std::filesystem::copy(first.self.state_dir, moved.self.state_dir);
  CHECK(at.take(moved).error().code == "store_of_another"); // both are there
  REQUIRE(remove_tree(first.self.state_dir));
  const auto owner = at.take(moved);
  REQUIRE(owner);
  CHECK(owner->epoch == 1);
  CHECK(owner->state_dir == moved.self.state_dir);
  CHECK(owner->host == "login2");
}

TEST_CASE("a damaged mark is an error, not a free store") {
  Places at;
  REQUIRE(write_file_atomically(at.store / "owner.json", "{\"epoch\": 1"));
  const auto taken = at.take(at.claim_of("first"));
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message.find("owner.json") != std::string::npos);
}

TEST_CASE("recovery removes a job that was never accepted only if it was made from here") {
  World world;
  // What a daemon of another state folder has just made, between the folder and its first event.
  auto other = *store::Store::open(world.folder(JobId{1}).path().parent_path().parent_path());
  JobSpec spec = world.request("theirs").spec;
  spec.id = JobId{1};
  other.set_creator("somebody else");
  REQUIRE(other.create_job(spec, Policy{}));
  spec.id = JobId{2};
  other.set_creator("");
  REQUIRE(other.create_job(spec, Policy{}));
  CHECK(other.job(JobId{1}).creator() == "somebody else");
  world.start_daemon();
  CHECK(other.has_job(JobId{1}));
  CHECK_FALSE(other.has_job(JobId{2})); // this daemon's own, as the test has it
  CHECK_FALSE(world.commands->view(JobId{1}));
  CHECK(world.submit("ours") != JobId{1}); // the number stays taken
}
