#include "core/json/base64.hpp"
#include "core/json/json.hpp"
#include "tests/unit/json/samples.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace ckpt;

TEST_CASE("text that is no JSON is an error that tells where") {
  for (const char* text : {"", "{", "[1,2", "{\"a\":1}x", "nul", "{\"a\":}", "\"\xff\"", "1e999"}) {
    const auto json = parse_json(text);
    REQUIRE_MESSAGE(!json, text);
    CHECK(json.error().code == "invalid_json");
    CHECK(json.error().cls == ErrorClass::usage);
  }
  CHECK(parse_json("{\"a\":1}x").error().message.find("byte 8") != std::string::npos);
}

TEST_CASE("a name that is there twice is an error, on every level and only on the same") {
  CHECK(parse_json(R"({"a":1,"a":1})").error().message.find("'a'") != std::string::npos);
  CHECK(!parse_json(R"([{"x":{"b":1,"c":2,"b":3}}])"));
  CHECK(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"));
}

TEST_CASE("nesting is bounded") {
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']')));
  CHECK(!parse_json(std::string(65, '[') + std::string(65, ']')));
  CHECK(!parse_json(std::string(1'000'000, '[')));
}

TEST_CASE("writing never throws and gives text that is read again") {
  const nlohmann::json json = {{"bad", "a\xff\xc3"}, {"good", "é"}};
  const auto again = parse_json(dump_json(json));
  REQUIRE(again);
  CHECK((*again)["good"] == "é");
  CHECK((*again)["bad"] == "a\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(parse_json(dump_json_pretty(json)) == *again);
}

TEST_CASE("base64 reads exactly what it writes") {
  CHECK(to_base64("") == "");
  CHECK(to_base64("f") == "Zg==");
  CHECK(to_base64("fo") == "Zm8=");
  CHECK(to_base64("foobar") == "Zm9vYmFy");
  for (const char* bad :
       {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm 8", "====", "Zm8=\n"}) {
    CHECK_MESSAGE(!from_base64(bad), bad);
  }
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const std::string bytes = test::random_bytes(random, 40);
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  CHECK(is_utf8("plain"));
  CHECK(is_utf8("é€😀"));
  for (const char* bad : {"\x80",
                          "\xc3",
                          "\xc0\xaf",
                          "\xe0\x80\xaf",
                          "\xed\xa0\x80",
                          "\xf4\x90\x80\x80",
                          "\xf0\x80\x80\x80",
                          "\xff",
                          "\xe2\x82"}) {
    CHECK_FALSE(is_utf8(bad));
  }
  // The library's own writer is the judge: strict dumping throws for what is no UTF-8.
  std::mt19937 random(2);
  for (int round = 0; round < 20000; ++round) {
    const std::string bytes = test::random_bytes(random, 4);
    bool accepted = true;
    try {
      (void)nlohmann::json(bytes).dump();
    } catch (const nlohmann::json::exception&) {
      accepted = false;
    }
    CHECK(is_utf8(bytes) == accepted);
  }
}
