#include "core/json/json.hpp"
#include "tests/unit/api/server_fixture.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <thread>

using namespace ckpt;
using test::Fixture;

namespace {

/// A client of server-sent events on a thread of its own.
class Stream {
public:
  Stream(const Fixture& fixture, const std::string& path, const httplib::Headers& more = {})
      : client_(fixture.tcp()) {
    client_.set_read_timeout(60);
    httplib::Headers headers = more;
    headers.emplace("Accept", "text/event-stream");
    thread_ = std::thread([this, path, headers] {
      (void)client_.Get(
          path,
          headers,
          [this](const httplib::Response& response) {
            const std::lock_guard lock(mutex_);
            status_ = response.status;
            type_ = response.get_header_value("Content-Type");
            return true;
          },
          [this](const char* data, std::size_t size) {
            const std::lock_guard lock(mutex_);
            text_.append(data, size);
            return true;
          });
      ended_ = true;
    });
  }
  ~Stream() {
    client_.stop();
    thread_.join();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool has(const std::string& part) const { return text().find(part) != std::string::npos; }
  std::string type() const {
    const std::lock_guard lock(mutex_);
    return type_;
  }
  bool ended() const { return ended_; }

private:
  httplib::Client client_;
  mutable std::mutex mutex_;
  int status_ = 0;
  std::string type_;
  std::string text_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

} // namespace

TEST_CASE("events as a stream: what was, and what comes, each once, in order") {
  Fixture fixture;
  Stream stream(fixture, "/v1/events?after=0");
  REQUIRE(test::wait_until([&] { return stream.has("id: 17\n"); }));
  CHECK(stream.type() == "text/event-stream");
  fixture.use_cases.happens(18, JobId{7});
  fixture.use_cases.happens(20, JobId{8});
  REQUIRE(test::wait_until([&] { return stream.has("id: 20\n"); }));
  const std::string text = stream.text();
  CHECK(count(text, "id: ") == 3);
  CHECK(text.find("id: 18\n") < text.find("id: 20\n"));
  const std::size_t data = text.find("data: ") + 6;
  const auto event = parse_json(text.substr(data, text.find('\n', data) - data));
  REQUIRE(event);
  CHECK((*event)["seq"] == 17);
}

TEST_CASE("a stream goes on behind Last-Event-ID, and can be of one job") {
  Fixture fixture;
  fixture.use_cases.happens(18, JobId{7});
  fixture.use_cases.happens(19, JobId{8});
  Stream again(fixture, "/v1/events?after=0", {{"Last-Event-ID", "18"}});
  Stream mine(fixture, "/v1/events?after=0&job=j-7");
  REQUIRE(test::wait_until([&] { return again.has("id: 19\n") && mine.has("id: 18\n"); }));
  CHECK_FALSE(again.has("id: 18\n"));
  fixture.use_cases.happens(20, JobId{8});
  fixture.use_cases.happens(21, JobId{7});
  REQUIRE(test::wait_until([&] { return mine.has("id: 21\n"); }));
  CHECK_FALSE(mine.has("id: 20\n"));
  CHECK_FALSE(mine.has("id: 19\n"));
}

TEST_CASE("many streams take no thread from others, and go when their clients go") {
  api::ServerLimits limits;
  limits.threads = 2;
  Fixture fixture(limits);
  {
    std::vector<std::unique_ptr<Stream>> streams;
    for (int i = 0; i < 20; ++i) {
      streams.push_back(std::make_unique<Stream>(fixture, "/v1/events?after=0"));
    }
    REQUIRE(test::wait_until([&] {
      return std::all_of(
          streams.begin(), streams.end(), [](const auto& s) { return s->has("id: 17\n"); });
    }));
    CHECK(fixture.server.counts().streams == 20);
    CHECK(fixture.tcp().Get("/v1/jobs/j-7")->status == 200);
    fixture.use_cases.happens(18, JobId{7});
    REQUIRE(test::wait_until([&] {
      return std::all_of(
          streams.begin(), streams.end(), [](const auto& s) { return s->has("id: 18\n"); });
    }));
  }
  CHECK(test::wait_until([&] { return fixture.server.counts().streams == 0; }));
  CHECK(fixture.server.counts().connections == 0);
}

TEST_CASE("a stream ends with the server") {
  Fixture fixture;
  Stream stream(fixture, "/v1/events?after=0");
  REQUIRE(test::wait_until([&] { return stream.has("id: 17\n"); }));
  fixture.use_cases.release();
  fixture.server.stop();
  CHECK(test::wait_until([&] { return stream.ended(); }));
}

TEST_CASE("a stream wants the token, and parameters that are known") {
  Fixture fixture;
  CHECK(fixture.tcp(false).Get("/v1/events", {{"Accept", "text/event-stream"}})->status == 401);
  const httplib::Headers accept{{"Accept", "text/event-stream"}};
  CHECK(fixture.tcp().Get("/v1/events?after=x", accept)->status == 400);
  CHECK(fixture.tcp().Get("/v1/events?job=nobody", accept)->status == 404);
}

TEST_CASE("what has not changed is not sent again") {
  Fixture fixture;
  httplib::Client client = fixture.local();
  const auto first = client.Get("/v1/jobs/j-7");
  const std::string etag = first->get_header_value("ETag");
  CHECK_FALSE(etag.empty());
  for (const std::string& known : {etag, "W/" + etag, "\"other\", " + etag, std::string("*")}) {
    const auto again = client.Get("/v1/jobs/j-7", {{"If-None-Match", known}});
    CHECK_MESSAGE(again->status == 304, known);
    CHECK(again->body.empty());
    CHECK(again->get_header_value("ETag") == etag);
  }
  CHECK(client.Get("/v1/jobs/j-7", {{"If-None-Match", "\"other\""}})->status == 200);
  CHECK(client.Get("/v1/jobs")->get_header_value("ETag") != etag);
  CHECK(client.Get("/v1/jobs/nobody")->get_header_value("ETag").empty());
}

TEST_CASE("PATCH and DELETE: bodies are read, and checked") {
  Fixture fixture;
  httplib::Client client = fixture.local();
  const std::string type = "application/json";
  CHECK(client.Patch("/v1/jobs/j-7/policy", R"({"keep": 3})", type)->status == 200);
  CHECK(fixture.use_cases.policy.patch == R"({"keep":3})");
  CHECK(client.Patch("/v1/jobs/j-7/policy", R"({"kepe": 3})", type)->status == 400);
  CHECK(client.Patch("/v1/jobs/j-7/policy", "[]", type)->status == 400);
  CHECK(client.Patch("/v1/jobs/nobody/policy", "{}", type)->status == 404);
  const auto pinned = client.Patch("/v1/jobs/j-7/generations/g3", R"({"pinned": true})", type);
  CHECK((*parse_json(pinned->body))["pinned"] == true);
  CHECK(client.Patch("/v1/jobs/j-7/generations/g3", "{}", type)->status == 400);
  CHECK(client.Patch("/v1/jobs/j-7/generations/3", "{}", type)->status == 400);
  CHECK(client.Delete("/v1/jobs/j-7")->status == 204);
  CHECK(client.Delete("/v1/jobs/j-7", R"({"x": 1})", type)->status == 400);
  CHECK(client.Delete("/v1/jobs/nobody")->status == 404);
  CHECK(client.Delete("/v1/jobs/j-7/generations/g3")->status == 200);
}

TEST_CASE("a parameter's value may hold an equals sign, plain or escaped") {
  Fixture fixture;
  httplib::Client client = fixture.local();
  for (const char* target : {"/v1/jobs?tag=kind=a%20b", "/v1/jobs?tag=kind%3Da%20b&state=running"}) {
    CHECK(client.Get(target)->status == 200);
    CHECK(fixture.use_cases.filter.tags.at("kind") == "a b");
  }
  CHECK(client.Get("/v1/jobs?tag=kind%3")->status == 400);
  CHECK(client.Get("/v1/jobs?&&limit=5&")->status == 200);
}

TEST_CASE("verify, prune, hold, numbers, and the description") {
  Fixture fixture;
  httplib::Client client = fixture.local();
  CHECK(client.Post("/v1/jobs/j-7/generations/g3/verify")->status == 202);
  CHECK(client.Post("/v1/jobs/j-7/generations/g3/verify?wait=5")->status == 200);
  const auto pruned =
      client.Post("/v1/prune", R"({"job": "j-7", "dry_run": true})", "application/json");
  CHECK((*parse_json(pruned->body))["items"][0]["generation"] == "g1");
  CHECK(fixture.use_cases.pruned.dry_run);
  for (const char* verb : {"hold", "release", "requeue"}) {
    CHECK(client.Post("/v1/jobs/j-7/" + std::string(verb))->status == 200);
  }
  CHECK((*parse_json(client.Get("/v1/nodes")->body))["items"][0]["partitions"][1] == "long");
  CHECK((*parse_json(client.Get("/v1/stats")->body))["accounting"]["saved_seconds"] == 68400);
  CHECK(client.Get("/metrics")->get_header_value("Content-Type").starts_with("text/plain"));
  const auto description = fixture.tcp(false).Get("/openapi.yaml");
  CHECK(description->status == 200);
  CHECK(description->body.starts_with("openapi: 3.1"));
  CHECK(client.Post("/v1/jobs/j-7/checkpoints?trigger=program")->status == 202);
  CHECK(fixture.use_cases.checkpointed.trigger == Trigger::program);
  CHECK(client.Post("/v1/jobs/j-7/checkpoints?trigger=drain")->status == 400);
}
