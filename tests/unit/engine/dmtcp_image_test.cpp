// The headers are the first 256 bytes of images that 4.2.0 and 5.0 wrote, one of four processes.
#include "core/base/files.hpp"
#include "core/engine/dmtcp/image.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::engine::dmtcp;

namespace {

std::string recorded_header(const std::string& version) {
  auto bytes = read_file(Path(CKPT_TEST_DATA) / "dmtcp" / (version + "-header.bin"));
  REQUIRE(bytes);
  bytes->resize(kHeaderBytes);
  return *bytes;
}

using Headers = std::vector<std::optional<ImageHeader>>;

FolderLook look_with(std::size_t images, std::size_t unfinished = 0) {
  FolderLook look;
  look.images.resize(images);
  look.unfinished.resize(unfinished);
  return look;
}

ImageHeader header(std::uint32_t peers, std::uint32_t generation = 1) {
  return {
      .host_id = 1, .time = 2, .computation_pid = 40000, .generation = generation, .peers = peers};
}

} // namespace

TEST_CASE("dmtcp: recorded image headers") {
  for (const std::string version : {"4.2.0", "5.0"}) {
    CAPTURE(version);
    const auto parsed = parse_header(recorded_header(version));
    REQUIRE(parsed);
    CHECK(parsed->peers == 4);
    CHECK(parsed->generation == 1);
    CHECK(parsed->computation_pid == 40000);
    CHECK(parsed->host_id == 0x98ff);
  }
}

TEST_CASE("dmtcp: no image") {
  CHECK(!parse_header(""));
  CHECK(!parse_header(std::string(kHeaderBytes, '\0')));
  CHECK(!parse_header("\x1f\x8b" + std::string(kHeaderBytes, 'x')));
  CHECK(!parse_header(recorded_header("5.0").substr(0, kHeaderBytes - 1)));
  std::string no_peers = recorded_header("5.0");
  no_peers[0x80] = 0;
  CHECK(!parse_header(no_peers));
}

TEST_CASE("dmtcp: when a set is whole") {
  const Headers two{header(2), header(2)};
  CHECK(state_of(look_with(2), two) == SetState::complete);
  CHECK(state_of(look_with(2, 1), two) == SetState::incomplete);
  CHECK(state_of(look_with(0), Headers{}) == SetState::incomplete);
  CHECK(state_of(look_with(1), Headers{header(2)}) == SetState::incomplete);
  CHECK(state_of(look_with(3), Headers{header(2), header(2), header(2)}) == SetState::inconsistent);
  CHECK(state_of(look_with(2), Headers{header(2, 1), header(2, 2)}) == SetState::inconsistent);
  CHECK(state_of(look_with(2), Headers{header(2), header(3)}) == SetState::inconsistent);
  CHECK(state_of(look_with(2), Headers{header(2), std::nullopt}) == SetState::inconsistent);
  CHECK(state_of(look_with(2), Headers{std::nullopt, header(2)}) == SetState::inconsistent);
}

TEST_CASE("dmtcp: a checkpoint's folder on disk") {
  const test::TempDir dir;
  const Path folder = dir.path() / "ckpt_98ff-40000-1_00001";
  REQUIRE(make_directories(folder / "ckpt_a_1_files"));
  REQUIRE(make_directories(dir.path() / "unrelated"));
  const std::string bytes = recorded_header("4.2.0");
  for (const char* name : {"a.dmtcp", "b.dmtcp", "c.dmtcp", "d.dmtcp.temp"}) {
    REQUIRE(write_file_atomically(folder / name, bytes));
  }
  REQUIRE(write_file_atomically(folder / "ckpt_a_1_files" / "fd-info.txt", "x"));
  CHECK(checkpoint_folders(dir.path()) == std::vector<Path>{folder});
  FolderLook look = look_at(folder);
  CHECK(look.images.size() == 3);
  CHECK(look.unfinished.size() == 1);
  CHECK(look.bytes == 4 * kHeaderBytes);
  CHECK(state_of(look) == SetState::incomplete);
  REQUIRE(rename_durably(folder / "d.dmtcp.temp", folder / "d.dmtcp"));
  look = look_at(folder);
  CHECK(state_of(look) == SetState::complete);
  CHECK(files_of_set(folder).size() == 5);
  CHECK(look_at(dir.path() / "gone").images.empty());
}
