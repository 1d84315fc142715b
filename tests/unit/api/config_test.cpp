#include "api/config.hpp"
#include "api/endpoint.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::api;

namespace {

struct Folder {
  Path path = Path("/tmp") / ("ckptd-config-" + random_hex(6));
  Folder() { REQUIRE(make_directories(path, 0700)); }
  ~Folder() { (void)remove_tree(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

} // namespace

TEST_CASE("configuration: precedence, and unknown keys with the nearest known one") {
  const Folder folder;
  const Path file = folder.path / "config.toml";
  CHECK(Config::load(file, {})->text("api.tcp") == "auto");
  REQUIRE(write_file_atomically(file, "[store]\npath = \"/data\"\n[poll]\npending = \"5s\"\n"));
  CHECK(Config::load(file, {})->text("store.path") == "/data");
  CHECK(Config::load(file, {})->duration("poll.pending") == seconds{5});
  const auto over = Config::load(file, {{"CKPTD_STORE", "/other"}});
  CHECK(over->text("store.path") == "/other");
  CHECK(over->all().at("store.path").origin == "CKPTD_STORE");
  REQUIRE(write_file_atomically(file, "[stor]\npath = \"/data\"\n"));
  const auto unknown = Config::load(file, {});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == "config_unknown_key");
  CHECK(unknown.error().advice.find("store.path") != std::string::npos);
  REQUIRE(write_file_atomically(file, "[poll]\npending = \"5\"\n"));
  CHECK(Config::load(file, {}).error().code == "config_value");
  REQUIRE(write_file_atomically(file, "poll = [\n"));
  CHECK(Config::load(file, {}).error().code == "config_syntax");
}

TEST_CASE("configuration: other characters than ASCII in texts and comments only") {
  const Folder dir;
  const Path file = dir.path / "config.toml";
  const auto loads = [&](const std::string& content) {
    REQUIRE(write_file_atomically(file, content));
    const auto config = Config::load(file, {});
    return config ? "" : config.error().code + config.error().message;
  };
  CHECK(loads("# Zürich\n[store]\npath = \"/data/Zürich \\\" # ü\" # ü\n") == "");
  CHECK(loads("[store]\npath = '/data/Zürich\\'\n") == "");
  CHECK(loads("[store]\npath = \"/data/\\\\\" # ü\n") == "");
  CHECK(loads("[store]\npath = \"\"\"/data/\\\nZürich\"\"\"\n")
            .find(":3: a character that is not ASCII") != std::string::npos);
  CHECK(loads("[store]\npath = ''\n# ''\nserver = 'é'").find("not ASCII") == std::string::npos);
  CHECK(loads("[store]\nüpath = 'x'\n").find(":2: a character that is not ASCII") !=
        std::string::npos);
  CHECK(loads("[ = \"/scp = \"auto\"").find("config_syntax") == 0);          // likewise
  CHECK(loads("a \xc8\xa4[po;").find("not ASCII") != std::string::npos);     // found by fuzzing
  CHECK(loads("a = -28-\"\xc8\xab").find("not ASCII") != std::string::npos); // likewise
}

TEST_CASE("the store: chosen, else on the shared filesystem, else in the state folder") {
  const Path none = "/nonexistent/config.toml";
  const auto place = [&](const Environment& env, const std::string& cluster = "tiny") {
    Paths paths;
    paths.state_dir = "/s/" + cluster;
    paths.own_cluster = "tiny";
    paths.cluster = cluster;
    return find_store(*Config::load(none, env), env, paths);
  };
  CHECK(place({}).path == "/s/tiny/store");
  CHECK(place({}).instead.empty());
  CHECK(place({{"SCRATCH", "relative"}}).path == "/s/tiny/store");

  StorePlace found = place({{"SCRATCH", "/scratch/u"}, {"WORK", "/big/u"}});
  CHECK(found.path == "/scratch/u/ckptd");
  CHECK(found.origin == "SCRATCH");
  CHECK(found.instead == "/scratch/u/ckptd/clusters/tiny"); // two clusters, one $SCRATCH
  CHECK(place({{"WORK", "/big/u"}}).path == "/big/u/ckptd");

  found = place({{"SCRATCH", "/scratch/u"}, {"CKPTD_STORE", "/data"}});
  CHECK(found.path == "/data");
  CHECK(found.origin == "CKPTD_STORE");
  CHECK(found.instead.empty()); // what somebody chose is not changed behind his back

  // Local jobs beside Slurm never share a store with it.
  CHECK(place({{"CKPTD_STORE", "/data"}}, "local").path == "/data/clusters/local");
  CHECK(place({{"SCRATCH", "/scratch/u"}}, "local").path == "/scratch/u/ckptd/clusters/local");
  CHECK(place({}, "local").path == "/s/local/store");
}
