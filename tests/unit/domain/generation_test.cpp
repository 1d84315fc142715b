#include "core/domain/generation.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

TEST_CASE("the sizes of a generation count images and saved files, in each form") {
  Manifest manifest;
  CHECK(manifest.raw_bytes() == 0);
  manifest.images = {StoredFile{"a", 100, "", StoredForm::zstd, 40},
                     StoredFile{"b", 50, "", StoredForm::raw, 50}};
  manifest.saved = {SavedFile{"/home/u/f", StoredFile{"f", 7, "", StoredForm::raw, 7}, 0644}};
  manifest.lengths = {FileLength{"/home/u/out", 1'000'000}};
  CHECK(manifest.raw_bytes() == 157);
  CHECK(manifest.stored_bytes() == 97);
}

TEST_CASE("a restart needs the same engine, every CPU flag, and a glibc not older") {
  const EngineVersion dmtcp{EngineKind::dmtcp, "4.2.0"};
  const HostFingerprint image{"n1", {"avx", "avx2", "sse"}, "6.1", "2.36"};
  HostFingerprint host{"n2", {"avx", "avx2", "avx512f", "sse"}, "5.14", "2.36"};
  CHECK_FALSE(restart_obstacle(image, dmtcp, host, dmtcp));

  SUBCASE("another version") {
    const auto why = restart_obstacle(image, dmtcp, host, {EngineKind::dmtcp, "5.0"});
    REQUIRE(why);
    CHECK(*why == "the generation was made by dmtcp 4.2.0, and n2 has 5.0");
  }
  SUBCASE("another engine") {
    REQUIRE(restart_obstacle(image, dmtcp, host, {EngineKind::criu, "4.2.0"}));
  }
  SUBCASE("a flag is missing") {
    host.cpu_flags = {"avx", "sse"};
    const auto why = restart_obstacle(image, dmtcp, host, dmtcp);
    REQUIRE(why);
    CHECK(*why == "the processor of n2 lacks avx2 of n1, where the generation was made");
  }
  SUBCASE("many flags are missing") {
    HostFingerprint rich = image;
    rich.cpu_flags = {"a", "b", "c", "d", "e", "f", "g"};
    host.cpu_flags.clear();
    const auto why = restart_obstacle(rich, dmtcp, host, dmtcp);
    REQUIRE(why);
    CHECK(why->find("a, b, c, d, e and 2 more") != std::string::npos);
  }
  SUBCASE("an older glibc, compared as numbers") {
    host.glibc = "2.9";
    CHECK(restart_obstacle(image, dmtcp, host, dmtcp));
    host.glibc = "2.100";
    CHECK_FALSE(restart_obstacle(image, dmtcp, host, dmtcp));
    host.glibc = "2.36.1";
    CHECK_FALSE(restart_obstacle(image, dmtcp, host, dmtcp));
    host.glibc = "3";
    CHECK_FALSE(restart_obstacle(image, dmtcp, host, dmtcp));
    host.glibc = ""; // not known (musl): no reason to refuse
    CHECK_FALSE(restart_obstacle(image, dmtcp, host, dmtcp));
  }
  SUBCASE("a program that saves itself restarts anywhere") {
    host.cpu_flags.clear();
    host.glibc = "2.1";
    CHECK_FALSE(restart_obstacle(image, {EngineKind::app, "1"}, host, {EngineKind::app, "2"}));
  }
}
