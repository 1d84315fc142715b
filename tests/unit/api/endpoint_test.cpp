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
