#include "api/server/gate.hpp"
#include "api/server/routes.hpp"
#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace ckpt;
using namespace ckpt::api;

namespace {

/// "get /v1/jobs listJobs" for each operation of openapi.yaml. It is written with two spaces a
/// level, so its paths, methods and operationIds are found by their indentation.
std::set<std::string> operations_of(const std::string& yaml) {
  std::set<std::string> found;
  bool in_paths = false;
  std::string path;
  std::string method;
  for (const std::string& line : split_lines(yaml)) {
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos || line[indent] == '#') {
      continue;
    }
    const std::string content = line.substr(indent);
    if (indent == 0) {
      in_paths = content == "paths:";
    } else if (in_paths && indent == 2) {
      path = content.substr(0, content.size() - 1);
    } else if (in_paths && indent == 4) {
      method = content.substr(0, content.size() - 1);
    } else if (in_paths && indent == 6 && content.starts_with("operationId: ")) {
      found.insert(method + " " + path + " " + content.substr(13));
    }
  }
  return found;
}

} // namespace

TEST_CASE("openapi.yaml and the route table say the same") {
  const Path file = Path(CKPT_TEST_DATA).parent_path().parent_path() / "openapi.yaml";
  const auto yaml = read_file(file);
  REQUIRE_MESSAGE(yaml, file.string());
  std::set<std::string> routed;
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) {
      c = static_cast<char>(c | 0x20);
    }
    routed.insert(method + " " + std::string(route.pattern) + " " +
                  std::string(route.operation_id));
  }
  const std::set<std::string> documented = operations_of(*yaml);
  CHECK(routed.size() == routes().size());
  for (const std::string& one : routed) {
    CHECK_MESSAGE(documented.contains(one), "not in openapi.yaml: " << one);
  }
  for (const std::string& one : documented) {
    CHECK_MESSAGE(routed.contains(one), "not in the route table: " << one);
  }
}

TEST_CASE("routes are matched by whole segments") {
  CHECK(match_route("GET", "/v1/jobs?x=1").route->operation_id == "listJobs");
  CHECK(match_route("HEAD", "/v1/jobs").route->operation_id == "listJobs");
  const Match match = match_route("GET", "/v1/jobs/a%2Fb/generations/g1");
  REQUIRE(match.route != nullptr);
  CHECK(match.path_values == std::vector<std::string>{"a/b", "g1"});
  CHECK(match_route("GET", "/v1/jobs/").allowed.empty());
  CHECK(match_route("GET", "/v1/jobs/%zz").allowed.empty());
  CHECK(match_route("GET", "/v1/jobs/%00").allowed.empty());
  CHECK(match_route("GET", "").allowed.empty());
  CHECK(match_route("GET", "*").allowed.empty());
  const Match wrong = match_route("PATCH", "/v1/jobs");
  CHECK(wrong.route == nullptr);
  CHECK(wrong.allowed.size() == 2);
}

TEST_CASE("percent decoding") {
  CHECK(percent_decode("a%20b%2fc") == "a b/c");
  CHECK_FALSE(percent_decode("%"));
  CHECK_FALSE(percent_decode("%4"));
  CHECK_FALSE(percent_decode("%4g"));
  CHECK_FALSE(percent_decode("%00"));
  CHECK(percent_decode("%41") == "A");
}

TEST_CASE("who may come in") {
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
  CHECK_FALSE(equal_in_constant_time("abc", "ab"));
  CHECK(bearer_matches("Bearer t", "t"));
  CHECK_FALSE(bearer_matches("bearer t", "t"));
  CHECK_FALSE(bearer_matches("Bearer ", ""));
  CHECK_FALSE(bearer_matches("", "t"));
  CHECK(host_is_ours("127.0.0.1:80", 80));
  CHECK(host_is_ours("localhost", 80));
  CHECK(host_is_ours("[::1]:80", 80));
  CHECK_FALSE(host_is_ours("127.0.0.1:81", 80));
  CHECK_FALSE(host_is_ours("127.0.0.1.evil.example", 80));
  CHECK_FALSE(host_is_ours("", 80));
}

TEST_CASE("api.tcp") {
  CHECK(TcpMode::parse("auto")->kind == TcpMode::Kind::automatic);
  CHECK(TcpMode::parse("off")->kind == TcpMode::Kind::off);
  CHECK(TcpMode::parse("8080")->port == 8080);
  CHECK_FALSE(TcpMode::parse("0"));
  CHECK_FALSE(TcpMode::parse("65536"));
  CHECK_FALSE(TcpMode::parse("80x"));
  CHECK_FALSE(TcpMode::parse(""));
}
