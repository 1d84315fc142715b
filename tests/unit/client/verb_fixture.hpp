#pragma once

#include "api/server/server.hpp"
#include "client/cli.hpp"
#include "client/commands/commands.hpp"
#include "client/session.hpp"
#include "core/base/process.hpp"
#include "core/json/json.hpp"
#include "tests/unit/api/fake_use_cases.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace ckpt::client {

struct Outcome1 {
  int status = -1;
  std::string out, err;
};

inline std::string text_of(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c = 0; (c = std::fgetc(file)) != EOF;) {
    text += static_cast<char>(c);
  }
  return text;
}

/// The verbs, run in this process against a real server that is backed by the fake.
class Fixture {
public:
  explicit Fixture(bool with_server = true) {
    REQUIRE(api::prepare_socket_folder(folder_));
    if (!with_server) {
      return;
    }
    api::ServerConfig config;
    config.socket_path = folder_ / "api.sock";
    config.token = *api::load_or_create_token(folder_ / "token");
    REQUIRE(server.start(config, use_cases));
    REQUIRE(api::write_endpoint(folder_ / "endpoint.json",
                                {host_name(),
                                 getpid(),
                                 geteuid(),
                                 "0.1.0",
                                 config.socket_path,
                                 server.tcp_address(),
                                 folder_ / "token",
                                 {}}));
  }
  ~Fixture() {
    use_cases.release();
    server.stop();
    (void)remove_tree(folder_);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  Outcome1 ckpt(std::vector<std::string> args) {
    Cli cli;
    add_all(cli);
    const auto parsed = cli.parse(std::move(args));
    Session::Streams streams{std::tmpfile(), std::tmpfile()};
    std::map<std::string, std::string> env{
        {"HOME", "/nonexistent"},
        {"CKPTD_STATE_DIR", folder_.string()},
        {"CKPTD_AUTOSTART", autostart ? "1" : "0"},
        {"PATH", autostart ? folder_.string() + ":/usr/bin:/bin" : "/nonexistent"},
        {"MARK", "1"}};
    for (const auto& [name, value] : more_env) {
      env[name] = value;
    }
    Session session(env, streams, parsed && parsed->json);
    Outcome1 outcome;
    outcome.status = parsed ? parsed->action(session) : session.fail(parsed.error());
    outcome.out = text_of(streams.out);
    outcome.err = text_of(streams.err);
    (void)std::fclose(streams.out);
    (void)std::fclose(streams.err);
    return outcome;
  }
  nlohmann::json json_of(std::vector<std::string> args, int status = 0) {
    args.insert(std::find(args.begin(), args.end(), "--"), "--json");
    const Outcome1 outcome = ckpt(std::move(args));
    CHECK(outcome.status == status);
    const auto json = parse_json(outcome.out); // refuses a second value
    REQUIRE_MESSAGE(json, outcome.out);
    return *json;
  }

  Path folder_ = Path("/tmp") / ("ckptd-client-" + random_hex(6));
  std::map<std::string, std::string> more_env; ///< on top of the usual one
  bool autostart = false; ///< then a `ckptd` of the test's own in folder_ is what is started
  test::FakeUseCases use_cases;
  api::ApiServer server;
};

} // namespace ckpt::client
