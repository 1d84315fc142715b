// Data recorded from 4.2.0 and 5.0: `dmtcp_launch --version`, `dmtcp_command -h 127.0.0.1 -p PORT
// -s` and `-l`, with nothing running, with `sh -c 'python3 … | cat | cat'`, and 20 ms after a `-c`.
#include "core/base/files.hpp"
#include "core/engine/dmtcp/parse.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::engine;
using namespace ckpt::engine::dmtcp;

namespace {

std::string recorded(const std::string& version, const std::string& name) {
  const auto text = read_file(Path(CKPT_TEST_DATA) / "dmtcp" / (version + "-" + name + ".txt"));
  REQUIRE(text);
  return *text;
}

std::string list_of(const std::string& line) {
  return "Client List:\n#, PROG[virtPID:realPID]@HOST, DMTCP-UNIQUEPID, STATE, BARRIER\n" + line +
         "\n\n";
}

} // namespace

TEST_CASE("dmtcp: recorded output of both versions") {
  for (const std::string version : {"4.2.0", "5.0"}) {
    CAPTURE(version);
    const auto parsed = parse_version(recorded(version, "version"));
    REQUIRE(parsed);
    CHECK(parsed->text == version);
    CHECK(parsed->major == (version == "5.0" ? 5 : 4));
    CHECK(parsed->minor == (version == "5.0" ? 0 : 2));

    const auto empty = parse_status(recorded(version, "status-empty"));
    REQUIRE(empty);
    CHECK(empty->peers == 0);
    CHECK(!empty->running);
    const auto running = parse_status(recorded(version, "status-running"));
    REQUIRE(running);
    CHECK(running->peers == 4);
    CHECK(running->running);
    const auto in_flight = parse_status(recorded(version, "status-checkpointing"));
    REQUIRE(in_flight);
    CHECK(in_flight->peers == 4);
    CHECK(!in_flight->running);

    const auto none = parse_list(recorded(version, "list-empty"));
    REQUIRE(none);
    CHECK(none->empty());
    CHECK(!all_running(*none));
    const auto four = parse_list(recorded(version, "list-running"));
    REQUIRE(four);
    REQUIRE(four->size() == 4);
    CHECK(four->at(0).name == "dash");
    CHECK(four->at(1).name == "python3.11");
    CHECK(four->at(1).pid > 10000);
    CHECK(four->at(1).pid != 41000); // the virtual one
    CHECK(four->at(3).state == "RUNNING");
    CHECK(all_running(*four));
    const auto frozen = parse_list(recorded(version, "list-checkpointing"));
    REQUIRE(frozen);
    REQUIRE(frozen->size() == 4);
    CHECK(frozen->at(0).state == "PRESUSPEND");
    CHECK(!all_running(*frozen));
  }
}

TEST_CASE("dmtcp: a program's name cannot confuse the list") {
  const auto peers = parse_list(
      list_of("1, a, b[1:2]@h, [40000:77]@vm, 98ff-40000-21fd3e91cbe, WorkerState::RUNNING, "));
  REQUIRE(peers);
  REQUIRE(peers->size() == 1);
  CHECK(peers->front().pid == 77);
  CHECK(peers->front().name == "a, b[1:2]@h, ");
  CHECK(peers->front().state == "RUNNING");
}

TEST_CASE("dmtcp: what cannot be read is nothing") {
  CHECK(!parse_version("dmtcp_launch: not found"));
  CHECK(!parse_version("dmtcp_launch (DMTCP) x.y"));
  CHECK(!parse_status(""));
  CHECK(!parse_status("NUM_PEERS=four\nRUNNING=yes\n"));
  CHECK(!parse_status("NUM_PEERS=4\nRUNNING=maybe\n"));
  CHECK(!parse_status("NUM_PEERS=4\n"));
  CHECK(!parse_list("Coordinator not found. Please check port and host.\n"));
  CHECK(!parse_list(list_of("1, prog")));
  CHECK(!parse_list(list_of("1, prog[1:x]@vm, id, WorkerState::RUNNING, ")));
}

TEST_CASE("dmtcp: versions as releases and snapshots write them") {
  CHECK(parse_version("dmtcp_launch (DMTCP) 3.1.2\n")->minor == 1);
  CHECK(parse_version("dmtcp_launch (DMTCP) 3.2.0-rc1\n")->minor == 2);
  CHECK(parse_version("dmtcp_launch (DMTCP) 6\n")->major == 6);
}
