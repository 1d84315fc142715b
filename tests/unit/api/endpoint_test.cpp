#include "api/endpoint.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace ckpt;
using namespace ckpt::api;

namespace {

struct Folder {
  Path path = Path("/tmp") / ("ckptd-endpoint-" + random_hex(6));
  Folder() { REQUIRE(make_directories(path, 0700)); }
  ~Folder() { (void)remove_tree(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  Path program(const std::string& name, const std::string& text) const {
    REQUIRE(write_file_atomically(path / name, text, 0700));
    return path / name;
  }
};

std::string mode_of(const Path& path) {
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  return std::to_string(info.st_mode & 0777U);
}

} // namespace

TEST_CASE("the state folder follows the environment") {
  const Environment home{{"HOME", "/home/u"}, {"PATH", "/nonexistent"}};
  auto paths = find_paths(home);
  REQUIRE(paths);
  CHECK(paths->cluster == "local");
  CHECK(paths->state_dir == "/home/u/.local/state/ckptd/local");
  CHECK(paths->config_file == "/home/u/.config/ckptd/config.toml");

  Environment env = home;
  env["XDG_STATE_HOME"] = "/s";
  env["XDG_CONFIG_HOME"] = "relative/is/ignored";
  paths = find_paths(env);
  CHECK(paths->state_dir == "/s/ckptd/local");
  CHECK(paths->config_file == "/home/u/.config/ckptd/config.toml");

  env["CKPTD_STATE_DIR"] = "/own";
  env["CKPTD_CONFIG"] = "/own/c.toml";
  env.erase("HOME");
  env.erase("XDG_CONFIG_HOME");
  paths = find_paths(env);
  REQUIRE(paths);
  CHECK(paths->state_dir == "/own");
  CHECK(paths->config_file == "/own/c.toml");

  env["CKPTD_STATE_DIR"] = "own";
  CHECK(find_paths(env).error().code == "relative_path");
  CHECK(find_paths({}).error().code == "no_home");
}

TEST_CASE("the cluster's name comes from slurm.conf, else from scontrol, and is never guessed") {
  const Folder folder;
  folder.program("sbatch", "#!/bin/sh\nexit 1\n");
  Environment env{{"PATH", folder.path.string() + ":/usr/bin:/bin"},
                  {"HOME", "/home/u"},
                  {"SLURM_CONF", (folder.path / "slurm.conf").string()}};
  folder.program("scontrol", "#!/bin/sh\nexit 1\n");
  CHECK(find_cluster(env).error().code == "cluster_unknown");
  env["CKPTD_STATE_DIR"] = "/own";
  CHECK(find_paths(env)->state_dir == "/own");

  folder.program("scontrol", "#!/bin/sh\necho 'ClusterName             = asked'\n");
  CHECK(find_cluster(env) == "asked");

  REQUIRE(write_file_atomically(folder.path / "slurm.conf",
                                "# ClusterName=no\nclustername = tiny # so it is\n"));
  CHECK(find_cluster(env) == "tiny");

  REQUIRE(write_file_atomically(folder.path / "slurm.conf", "ClusterName=../evil\n"));
  CHECK(find_cluster(env).error().code == "cluster_unknown");
}

TEST_CASE("local jobs beside Slurm have a place of their own") {
  const Folder folder;
  folder.program("sbatch", "#!/bin/sh\nexit 1\n");
  folder.program("scontrol", "#!/bin/sh\nexit 1\n");
  REQUIRE(write_file_atomically(folder.path / "slurm.conf", "ClusterName=tiny\n"));
  const Path config = folder.path / "config.toml";
  const Environment slurm{{"PATH", folder.path.string() + ":/usr/bin:/bin"},
                          {"HOME", "/home/u"},
                          {"CKPTD_CONFIG", config.string()},
                          {"SLURM_CONF", (folder.path / "slurm.conf").string()}};
  const auto with = [](Environment env, const Environment& more) {
    for (const auto& [name, value] : more) {
      env[name] = value;
    }
    return env;
  };
  const Path home = "/home/u/.local/state/ckptd";
  CHECK(find_paths(slurm)->state_dir == home / "tiny");
  CHECK_FALSE(find_paths(slurm)->beside());
  auto paths = find_paths(with(slurm, {{"CKPTD_CLUSTER", "local"}}));
  REQUIRE(paths);
  CHECK(paths->state_dir == home / "local");
  CHECK(paths->cluster == "local");
  CHECK(paths->own_cluster == "tiny");
  CHECK(paths->beside());
  CHECK(find_paths(with(slurm, {{"CKPTD_CLUSTER", "tiny"}}))->state_dir == home / "tiny");
  CHECK(find_paths(with(slurm, {{"CKPTD_CLUSTER", "a/b"}})).error().code == "cluster_name");

  // A folder that a variable names is that of the machine's own cluster.
  const Environment own = with(slurm, {{"CKPTD_STATE_DIR", "/own"}});
  CHECK(find_paths(own)->state_dir == "/own");
  CHECK(find_paths(with(own, {{"CKPTD_CLUSTER", "tiny"}}))->state_dir == "/own");
  CHECK(find_paths(with(own, {{"CKPTD_CLUSTER", "local"}}))->state_dir == "/own/clusters/local");

  // By wish of the variable or the file, local jobs are the machine's own.
  for (const Environment& env : {slurm, own}) {
    paths = find_paths(with(env, {{"CKPTD_SCHEDULER", "local"}, {"CKPTD_CLUSTER", "local"}}));
    REQUIRE(paths);
    CHECK_FALSE(paths->beside());
    CHECK(paths->state_dir == find_paths(with(env, {{"CKPTD_SCHEDULER", "local"}}))->state_dir);
  }
  REQUIRE(write_file_atomically(config, "[scheduler]\nkind = \"local\"\n"));
  CHECK(find_paths(slurm)->state_dir == home / "local");
  CHECK(find_paths(with(slurm, {{"CKPTD_SCHEDULER", "slurm"}}))->state_dir == home / "tiny");
  REQUIRE(remove_file(config));

  // A daemon of another cluster can be talked to from here, but not started.
  CHECK(check_cluster(slurm, *find_paths(slurm)));
  const Environment other = with(slurm, {{"CKPTD_CLUSTER", "huge"}});
  CHECK(find_paths(other)->state_dir == home / "huge");
  CHECK(check_cluster(other, *find_paths(other)).error().code == "wrong_cluster");
  const Environment here = with(slurm, {{"CKPTD_CLUSTER", "local"}});
  CHECK(check_cluster(here, *find_paths(here)));

  // Without slurm.conf the controller is asked only where it matters; here it does not answer.
  REQUIRE(remove_file(folder.path / "slurm.conf"));
  CHECK(find_paths(slurm).error().code == "cluster_unknown");
  CHECK(find_paths(here)->state_dir == home / "local");
  CHECK(find_paths(here)->beside());
  CHECK(check_cluster(here, *find_paths(here)));
  CHECK_FALSE(check_cluster(other, *find_paths(other)));

  REQUIRE(write_file_atomically(folder.path / "slurm.conf", "ClusterName=local\n"));
  CHECK(find_paths(slurm)->state_dir == home / "slurm-local"); // not that of local jobs
}

TEST_CASE("Slurm by wish without its commands is refused, not served by something else") {
  const Environment env{{"PATH", "/nonexistent"},
                        {"HOME", "/home/u"},
                        {"CKPTD_SCHEDULER", "slurm"},
                        {"SLURM_CONF", "/nonexistent"}};
  CHECK(find_paths(env).error().code == "no_sbatch");
}

TEST_CASE("other places are those with an endpoint file") {
  const Folder folder;
  const auto make = [&](const Path& place) {
    REQUIRE(make_directories(place, 0700));
    REQUIRE(write_file_atomically(place / "endpoint.json", "{}"));
  };
  const Path state = folder.path / "ckptd";
  Environment env{
      {"HOME", "/home/u"}, {"PATH", "/nonexistent"}, {"XDG_STATE_HOME", folder.path.string()}};
  make(state / "tiny");
  make(state / "local");
  REQUIRE(make_directories(state / "without", 0700));
  auto others = other_places(env, *find_paths(env));
  REQUIRE(others.size() == 1);
  CHECK(others[0].cluster == "tiny");
  CHECK(others[0].state_dir == state / "tiny");

  env["CKPTD_STATE_DIR"] = (state / "tiny").string();
  CHECK(other_places(env, *find_paths(env)).empty());
  make(state / "tiny/clusters/huge");
  others = other_places(env, *find_paths(env));
  REQUIRE(others.size() == 1);
  CHECK(others[0].cluster == "huge");
  env["CKPTD_CLUSTER"] = "huge";
  others = other_places(env, *find_paths(env));
  REQUIRE(others.size() == 1);
  CHECK(others[0].cluster == "local"); // the folder itself
  CHECK(others[0].state_dir == state / "tiny");
}

TEST_CASE("endpoint.json comes back as it was") {
  const Folder folder;
  const Path file = folder.path / "endpoint.json";
  CHECK(read_endpoint(file).error().code == "no_daemon");
  CHECK(read_endpoint(file).error().cls == ErrorClass::no_daemon);
  Endpoint endpoint{"login1",
                    42,
                    1000,
                    "0.1.0",
                    "/run/user/1000/x/api.sock",
                    "127.0.0.1:41234",
                    "/s/token",
                    TimePoint(seconds{1'790'000'000})};
  REQUIRE(write_endpoint(file, endpoint));
  CHECK(mode_of(file) == std::to_string(0600));
  CHECK(read_endpoint(file) == endpoint);
  endpoint.tcp.reset();
  REQUIRE(write_endpoint(file, endpoint));
  CHECK(read_endpoint(file) == endpoint);
  REQUIRE(write_file_atomically(file, "{\"host\": 1"));
  CHECK_FALSE(read_endpoint(file));
  REQUIRE(write_file_atomically(file, "{}"));
  CHECK_FALSE(read_endpoint(file));
}

TEST_CASE("the token is made once, private, and long") {
  const Folder folder;
  const Path file = folder.path / "token";
  const auto token = load_or_create_token(file);
  REQUIRE(token);
  CHECK(token->size() == 64);
  CHECK(mode_of(file) == std::to_string(0600));
  CHECK(load_or_create_token(file) == *token);
  CHECK(read_token(file) == *token);
  REQUIRE(chmod(file.c_str(), 0640) == 0);
  CHECK(read_token(file).error().code == "token_exposed");
  CHECK(load_or_create_token(file).error().code == "token_exposed");
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  REQUIRE(write_file_atomically(file, "short"));
  CHECK(read_token(file).error().code == "token_too_short");
}

TEST_CASE("the socket's folder goes when it is empty, and no other one does") {
  const Folder folder;
  const Environment env{{"XDG_RUNTIME_DIR", folder.path.string()}};
  const auto made = make_socket_folder(env, "/s/a");
  const auto other = make_socket_folder(env, "/s/b");
  REQUIRE(made);
  REQUIRE(other);
  remove_socket_folder(env, "/s/a", *other);
  CHECK(std::filesystem::exists(*other));
  REQUIRE(write_file_atomically(*made / "ckptd.sock", ""));
  remove_socket_folder(env, "/s/a", *made);
  CHECK(std::filesystem::exists(*made));
  std::filesystem::remove(*made / "ckptd.sock");
  remove_socket_folder(env, "/s/a", *made);
  CHECK_FALSE(std::filesystem::exists(*made));
}

TEST_CASE("the socket's folder is ours alone whatever the umask") {
  const Folder folder;
  const mode_t before = umask(0277);
  const auto made = make_socket_folder({{"XDG_RUNTIME_DIR", folder.path.string()}}, "/s/a");
  umask(before);
  REQUIRE(made);
  CHECK(made->parent_path() == folder.path);
  CHECK(mode_of(*made) == std::to_string(0700));
  CHECK(make_socket_folder({{"XDG_RUNTIME_DIR", folder.path.string()}}, "/s/a") == *made);
  CHECK(make_socket_folder({{"XDG_RUNTIME_DIR", folder.path.string()}}, "/s/b") != *made);

  const Path link = folder.path / "link";
  std::filesystem::create_directory_symlink(*made, link);
  CHECK(prepare_socket_folder(link).error().code == "socket_folder_exposed");
  REQUIRE(chmod(made->c_str(), 0770) == 0);
  CHECK(prepare_socket_folder(*made).error().code == "socket_folder_exposed");
}
