#include "core/base/process.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

TEST_CASE("splitting, joining, trimming") {
  CHECK(split("a::b", ':') == std::vector<std::string>{"a", "", "b"});
  CHECK(split("", ':') == std::vector<std::string>{""});
  CHECK(split_lines("a\n\nb\n") == std::vector<std::string>{"a", "", "b"});
  CHECK(split_lines("").empty());
  CHECK(join({"a", "b"}, ", ") == "a, b");
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \n").empty());
}

TEST_CASE("a quoted word reaches a shell's argument unharmed") {
  for (const std::string word :
       {"", "plain", "two words", "it's", "$HOME`id`\\", "a\nb", "*?[x]", "--x=y"}) {
    const auto result =
        run_command(Command{{"/bin/sh", "-c", "printf %s " + shell_quote(word)}, {}, {}, {}});
    REQUIRE(result);
    CHECK(result->out == word);
  }
  CHECK(shell_quote("a/b.c=1") == "a/b.c=1");
}

TEST_CASE("sizes as people read them") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(999) == "999 B");
  CHECK(human_bytes(1500) == "1.5 kB");
  CHECK(human_bytes(512'000'000) == "512 MB");
  CHECK(human_bytes(999'999) == "1.0 MB");
  CHECK(human_bytes(2'171'000'000) == "2.2 GB");
}

TEST_CASE("the nearest word, if it is near") {
  CHECK(nearest("stor.path", {"store.path", "api.tcp"}) == "store.path");
  CHECK(nearest("zzzzzz", {"store.path", "api.tcp"}).empty());
  CHECK(nearest("tiem", {"time", "tmp"}) == "time"); // swapped letters are one slip
  CHECK(nearest("sumbit", {"submit", "stop"}) == "submit");
  CHECK(nearest("foo", {"logs", "ps", "stop"}).empty());
  CHECK(nearest("lst", {"ls", "list-all-jobs"}) == "ls");
  CHECK(nearest("x", {"ps", "ls"}).empty()); // half of it is no slip
  CHECK(nearest("check", {"checkpoint", "cancel"}) == "checkpoint");
  CHECK(nearest("sto", {"stop", "store", "ls"}) == "stop");
  CHECK(nearest("co", {"config", "coordinators"}).empty());
}
