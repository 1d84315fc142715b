// No engine is started here: DMTCP's and CRIU's places are set to folders without one.
#include "core/engine/engine.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::engine;

namespace {

EngineConfig nothing_installed() {
  EngineConfig config;
  config.dmtcp_root = "/nonexistent/dmtcp";
  config.criu = "/nonexistent/criu";
  return config;
}

ProgramInfo shell() {
  ProgramInfo program;
  program.argv = {"/bin/sh"};
  program.cwd = "/";
  return program;
}

} // namespace

TEST_CASE("choose: with no engine, each is named with its reason") {
  const auto choice = choose_engine(EngineWish::automatic, shell(), nothing_installed());
  REQUIRE(!choice);
  CHECK(choice.error().code == "no_engine");
  CHECK(choice.error().cls == ErrorClass::unusable);
  for (const char* part :
       {"app: ", "dmtcp: there is no DMTCP in /nonexistent/dmtcp/bin", "criu: "}) {
    CAPTURE(part);
    CHECK(choice.error().message.find(part) != std::string::npos);
  }
}

TEST_CASE("choose: a wish is not replaced by another engine") {
  const auto dmtcp = choose_engine(EngineWish::dmtcp, shell(), nothing_installed());
  REQUIRE(!dmtcp);
  CHECK(dmtcp.error().code == "engine_missing");
  CHECK(dmtcp.error().message.starts_with("engine dmtcp cannot be used: "));
  const auto mana = choose_engine(EngineWish::mana, shell(), nothing_installed());
  REQUIRE(!mana);
  CHECK(mana.error().code == "engine_unusable");
  CHECK(mana.error().message.find("not supported yet") != std::string::npos);
}

TEST_CASE("choose: a program that says how it saves itself gets the app engine first") {
  ProgramInfo program = shell();
  program.app.signal = "USR1";
  program.checkpoint_files = {"state"};
  const auto choice = choose_engine(EngineWish::automatic, program, nothing_installed());
  REQUIRE_MESSAGE(choice, choice.error().message);
  CHECK(choice->engine->kind() == EngineKind::app);
  CHECK(choice->passed_over.empty());
}

TEST_CASE("choose: the places of the engines come from the environment") {
  const auto config =
      EngineConfig::from_environment({{"CKPT_DMTCP_ROOT", "/d"}, {"CKPT_CRIU", "/c"}});
  CHECK(config.dmtcp_root == "/d");
  CHECK(config.criu == "/c");
  CHECK(EngineConfig::from_environment({}).dmtcp_root.empty());
}

TEST_CASE("choose: what a job was submitted with comes before what the daemon has") {
  EngineConfig daemons;
  daemons.dmtcp_root = "/d";
  daemons.path = "/site/bin";
  const auto plain = EngineConfig::for_job({{"PATH", "/modules/dmtcp/bin:/bin"}}, daemons);
  CHECK(plain.dmtcp_root == "/d");
  CHECK(plain.folders() == "/modules/dmtcp/bin:/bin:/site/bin");
  CHECK(EngineConfig::for_job({{"CKPT_DMTCP_ROOT", "/own"}}, daemons).dmtcp_root == "/own");
  CHECK(EngineConfig::for_job({{"CKPT_CRIU", "/own/criu"}}, daemons).criu == "/own/criu");
}
