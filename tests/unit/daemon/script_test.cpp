// A job that is a batch script: the copy, the command line that is made of it, and a rebuild.
#include "tests/unit/daemon/harness.hpp"

using namespace ckpt;
using namespace ckpt::daemon::test;

namespace {

api::SubmitRequest script_request(const World& world, const std::string& text) {
  api::SubmitRequest wanted = world.request("");
  wanted.spec.argv = {"./sub/job.sh", "one", "two words"};
  wanted.script = text;
  return wanted;
}

} // namespace

TEST_CASE("a batch script is kept in the job's folder and stands behind its interpreter") {
  World world;
  const std::string text = "#!/bin/sh -e\necho hello\n";
  const auto id = world.commands->submit(script_request(world, text));
  REQUIRE_MESSAGE(id, (id ? "" : id.error().message));
  const Path copy = world.folder(*id).script();
  CHECK(read_file(copy).value_or("") == text);
  const std::vector<std::string> argv{"/bin/sh", "-e", copy.string(), "one", "two words"};
  for (const bool rebuild : {false, true}) {
    if (rebuild) {
      world.start_daemon(true);
    }
    const auto view = world.view(*id);
    CHECK(view.argv == argv);
    CHECK(view.script_path == copy.string());
    CHECK(view.name == "job.sh");
    CHECK(world.folder(*id).read_spec()->script_name == "./sub/job.sh");
    CHECK(read_file(copy).value_or("") == text);
  }
}

TEST_CASE("a job without a script names none") {
  World world;
  const auto id = world.submit();
  CHECK(world.view(id).script_path.empty());
  CHECK_FALSE(std::filesystem::exists(world.folder(id).script()));
}

TEST_CASE("what sbatch would not take for a script leaves no job behind") {
  World world;
  for (const char* text : {"", " \n", "echo hello\n", "#!\n", "#!/bin/sh\r\necho\r\n"}) {
    const auto id = world.commands->submit(script_request(world, text));
    REQUIRE_FALSE(id);
    CHECK(id.error().code == "bad_script");
    CHECK(id.error().cls == ErrorClass::usage);
  }
  const auto missing = world.commands->submit(script_request(world, "#!/no/such/shell\n"));
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == "program_not_found");
}

TEST_CASE("the text of a script is part of a request: another one is no repetition") {
  World world;
  auto first = script_request(world, "#!/bin/sh\necho 1\n");
  first.idempotency_key = "k";
  const auto id = world.commands->submit(first);
  REQUIRE(id);
  CHECK(world.commands->submit(first).value_or(JobId{}) == *id);
  auto other = script_request(world, "#!/bin/sh\necho 2\n");
  other.idempotency_key = "k";
  CHECK_FALSE(world.commands->submit(other));
}
