#include "core/json/json.hpp"
#include "tests/unit/api/server_fixture.hpp"

#include <doctest/doctest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

using namespace ckpt;
using nlohmann::json;

using test::Fixture;
using test::status_of;

namespace {

void check_problem(const httplib::Result& result, int status, const std::string& code) {
  REQUIRE(result);
  CHECK(result->status == status);
  CHECK(result->get_header_value("Content-Type") == "application/problem+json");
  const auto body = parse_json(result->body);
  REQUIRE(body);
  CHECK((*body)["code"] == code);
  CHECK((*body)["status"] == status);
  CHECK_FALSE((*body)["detail"].get<std::string>().empty());
}

} // namespace

TEST_CASE("every read answers over socket and TCP") {
  Fixture fixture;
  for (const bool over_tcp : {false, true}) {
    httplib::Client client = over_tcp ? fixture.tcp() : fixture.local();
    for (const char* path : {"/",
                             "/healthz",
                             "/v1/status",
                             "/v1/jobs",
                             "/v1/jobs/j-7",
                             "/v1/jobs/last",
                             "/v1/jobs/j-7/attempts",
                             "/v1/jobs/j-7/processes",
                             "/v1/jobs/j-7/generations",
                             "/v1/jobs/j-7/generations/g3",
                             "/v1/jobs/j-7/output",
                             "/v1/coordinators",
                             "/v1/events"}) {
      const auto result = client.Get(path);
      REQUIRE_MESSAGE(result, path);
      CHECK_MESSAGE(result->status == 200, path);
    }
    const auto job = parse_json(client.Get("/v1/jobs/j-7")->body);
    CHECK((*job)["current_attempt"]["scheduler_job_id"] == "4711");
    CHECK(client.Head("/v1/jobs/j-7")->body.empty());
  }
}

TEST_CASE("a job's name may hold any character") {
  Fixture fixture;
  CHECK(fixture.local().Get("/v1/jobs/my%20job%2F1")->status == 200);
  CHECK(fixture.use_cases.selector == "my job/1");
  check_problem(fixture.local().Get("/v1/jobs/nobody"), 404, "no_such_job");
}

TEST_CASE("a submit reaches the use case with its key, and its errors come back") {
  Fixture fixture;
  auto client = fixture.local();
  const std::string body = R"({"argv":["./a","b"],"cwd":"/tmp","policy":{"keep":3}})";
  const auto made = client.Post("/v1/jobs", {{"Idempotency-Key", "k1"}}, body, "application/json");
  REQUIRE(made);
  CHECK(made->status == 201);
  CHECK(made->get_header_value("Location") == "/v1/jobs/j-7");
  CHECK(fixture.use_cases.submitted.policy.keep == 3);
  CHECK(fixture.use_cases.idempotency_key == "k1");

  check_problem(client.Post("/v1/jobs", "{", "application/json"), 400, "invalid_json");
  check_problem(client.Post("/v1/jobs", "{}", "application/json"), 400, "invalid_field");
  check_problem(
      client.Post("/v1/jobs", R"({"argv":["a"],"cwd":"/","name":"taken"})", "application/json"),
      409,
      "name_taken");
  CHECK(fixture.use_cases.calls == 2);
}

TEST_CASE("actions: statuses tell done from begun") {
  Fixture fixture;
  auto client = fixture.local();
  const auto begun = client.Post("/v1/jobs/j-7/checkpoints");
  REQUIRE(begun);
  CHECK(begun->status == 202);
  CHECK(begun->get_header_value("Location") == "/v1/jobs/j-7/generations/g3");
  CHECK(client.Post("/v1/jobs/j-7/checkpoints?wait=60")->status == 201);
  CHECK(fixture.use_cases.checkpointed.wait == seconds{60});
  CHECK(client.Post("/v1/jobs/j-7/stop")->status == 202);
  CHECK(client.Post("/v1/jobs/j-7/stop?wait=5")->status == 200);
  CHECK(client.Post("/v1/jobs/j-7/cancel")->status == 200);
  CHECK(client.Post("/v1/jobs/j-7/restart", R"({"generation":"g1"})", "application/json")->status ==
        200);
  CHECK(fixture.use_cases.restarted.generation == GenerationId{1});
  const auto forked = client.Post(
      "/v1/jobs/j-7/fork", R"({"name":"what-if","share_files":true})", "application/json");
  CHECK(forked->status == 201);
  CHECK(forked->get_header_value("Location") == "/v1/jobs/j-7");
  CHECK(fixture.use_cases.forked.name == "what-if");
  CHECK(fixture.use_cases.forked.share_files);
  CHECK(client.Post("/v1/jobs/j-7/fork", "", "application/json")->status == 201);
  check_problem(
      client.Post("/v1/jobs/j-7/stop", R"({"x":1})", "application/json"), 400, "invalid_field");
  check_problem(client.Post("/v1/jobs/j-7/stop?wait=soon"), 400, "invalid_parameter");
}

TEST_CASE("list filters are read, and what is not known is refused") {
  Fixture fixture;
  auto client = fixture.local();
  const auto page =
      client.Get("/v1/jobs?state=running,queued&state=parked&tag=a%3Db&limit=5&after=j-3");
  REQUIRE(page);
  CHECK(page->status == 200);
  const api::JobFilter& filter = fixture.use_cases.filter;
  CHECK(filter.states == std::vector{JobState::running, JobState::queued, JobState::parked});
  CHECK(filter.tags == std::map<std::string, std::string>{{"a", "b"}});
  CHECK(filter.limit == 5);
  CHECK(filter.after == JobId{3});
  CHECK((*parse_json(client.Get("/v1/jobs")->body))["next"] == "j-7");
  for (const char* path : {"/v1/jobs?state=dancing",
                           "/v1/jobs?limit=0",
                           "/v1/jobs?limit=5x",
                           "/v1/jobs?limti=5",
                           "/v1/jobs?after=7",
                           "/v1/jobs?tag=x",
                           "/v1/status?x=1",
                           "/v1/jobs/j-7/output?stream=all",
                           "/v1/jobs/j-7/output?offset=-1",
                           "/v1/events?after=-2"}) {
    CAPTURE(path);
    check_problem(client.Get(path), 400, "invalid_parameter");
  }
  check_problem(client.Get("/v1/jobs/j-7/generations/3"), 400, "invalid_generation");
  check_problem(client.Get("/v1/jobs/j-7/generations/g9"), 404, "no_such_generation");
}

TEST_CASE("output is bytes, from an offset") {
  Fixture fixture;
  const auto result = fixture.local().Get("/v1/jobs/j-7/output?stream=stderr&offset=7&limit=100");
  REQUIRE(result);
  CHECK(result->body == std::string("binary \0\xff\n", 10));
  CHECK(result->get_header_value("Ckpt-Offset") == "7");
  CHECK(result->get_header_value("Ckpt-Next-Offset") == "17");
  CHECK(result->get_header_value("Ckpt-Complete") == "true");
  CHECK(fixture.use_cases.output_request.stream == api::OutputStream::stderr_text);
}

TEST_CASE("paths and methods that are not there") {
  Fixture fixture;
  auto client = fixture.local();
  check_problem(client.Get("/v1/job"), 404, "no_such_path");
  check_problem(client.Get("/v1/jobs/j-7/"), 404, "no_such_path");
  check_problem(client.Get("/../etc/passwd"), 404, "no_such_path");
  check_problem(client.Post("/v1/nothing", "{}", "application/json"), 404, "no_such_path");
  const auto wrong = client.Delete("/v1/jobs");
  check_problem(wrong, 405, "method_not_allowed");
  CHECK(wrong->get_header_value("Allow") == "GET, POST");
  check_problem(client.Get("/v1/jobs/j-7/stop"), 405, "method_not_allowed");
  check_problem(client.Put("/v1/status", "{}", "application/json"), 405, "method_not_allowed");
  check_problem(client.Options("/v1/status"), 405, "method_not_allowed");
}

TEST_CASE("TCP wants the token and our own host name, and allows no other origin") {
  Fixture fixture;
  auto stranger = fixture.tcp(false);
  const auto refused = stranger.Get("/v1/status");
  check_problem(refused, 401, "token_needed");
  CHECK(refused->get_header_value("WWW-Authenticate") == "Bearer");
  check_problem(stranger.Post("/v1/jobs", "{}", "application/json"), 401, "token_needed");
  stranger.set_default_headers({{"Authorization", "Bearer " + std::string(64, 'a')}});
  check_problem(stranger.Get("/v1/status"), 401, "token_needed");
  CHECK(fixture.tcp(false).Get("/healthz")->status == 200);

  auto friendly = fixture.tcp();
  const auto fine = friendly.Get("/v1/status", {{"Origin", "http://evil.example"}});
  CHECK(fine->status == 200);
  CHECK_FALSE(fine->has_header("Access-Control-Allow-Origin"));
  check_problem(friendly.Get("/v1/status", {{"Host", "evil.example"}}), 421, "foreign_host");
  CHECK(friendly.Get("/v1/status", {{"Host", "localhost"}})->status == 200);
  CHECK(status_of(fixture.raw("GET /v1/status HTTP/1.1\r\n\r\n")) == 421);
}

TEST_CASE("limits on body and headers") {
  api::ServerLimits limits;
  limits.body_bytes = 1000;
  limits.header_bytes = 4096;
  limits.header_count = 20;
  Fixture fixture(limits);
  auto client = fixture.local();
  check_problem(
      client.Post("/v1/jobs", std::string(1001, 'x'), "application/json"), 413, "body_too_large");
  CHECK(status_of(fixture.raw_authorized(
            "POST /v1/jobs HTTP/1.1",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) == 411);
  CHECK(status_of(fixture.raw_authorized(
            "POST /v1/jobs HTTP/1.1", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}")) == 400);
  CHECK(status_of(fixture.raw_authorized("POST /v1/jobs HTTP/1.1",
                                         "Content-Length: -1\r\n\r\n{}")) == 400);
  std::string many;
  for (int i = 0; i < 30; ++i) {
    many += "X-" + std::to_string(i) + ": 1\r\n";
  }
  CHECK(status_of(fixture.raw_authorized("GET /v1/status HTTP/1.1", many + "\r\n")) == 431);
  CHECK(status_of(fixture.raw_authorized("GET /v1/status HTTP/1.1",
                                         "X-Big: " + std::string(5000, 'a') + "\r\n\r\n")) == 400);
  check_problem(client.Get("/" + std::string(3000, 'a')), 414, "target_too_long");
  CHECK(status_of(fixture.raw("nonsense\r\n\r\n")) == 400);
  CHECK(client.Get("/v1/status")->status == 200); // and it still serves
  CHECK(fixture.use_cases.calls == 0);
}

TEST_CASE("a second request on one connection is not read") {
  Fixture fixture;
  const std::string answer = fixture.raw_authorized(
      "GET /v1/jobs/nobody HTTP/1.1", "\r\nPOST /v1/jobs/j-7/cancel HTTP/1.1\r\n\r\n");
  CHECK(status_of(answer) == 404);
  CHECK(answer.find("HTTP/1.1", 10) == std::string::npos);
  CHECK(fixture.use_cases.calls == 1);
}

TEST_CASE("long polls wait, are cut to the limit, and never take all threads") {
  api::ServerLimits limits;
  limits.threads = 4;
  limits.waiting_requests = 2;
  limits.max_wait = seconds{20};
  Fixture fixture(limits);
  std::vector<std::thread> pollers;
  for (int i = 0; i < 2; ++i) {
    pollers.emplace_back([&] { CHECK(fixture.local().Get("/v1/events?after=17&wait=9999")); });
  }
  CHECK(test::wait_until([&] { return fixture.use_cases.waiting == 2; }));
  CHECK(fixture.use_cases.event_filter.wait == seconds{20});
  const auto refused = fixture.local().Get("/v1/events?after=17&wait=30");
  check_problem(refused, 503, "too_many_waiting");
  CHECK(refused->get_header_value("Retry-After") == "1");
  CHECK(fixture.local().Get("/v1/status")->status == 200);
  fixture.use_cases.release();
  for (std::thread& poller : pollers) {
    poller.join();
  }
  CHECK(fixture.local().Get("/v1/events?after=17&wait=30")->status == 200); // slots are free again
}

TEST_CASE("silent clients do not hold up stop()") {
  Fixture fixture;
  const Fd silent(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(fixture.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const auto begin = std::chrono::steady_clock::now();
  fixture.server.stop();
  CHECK(std::chrono::steady_clock::now() - begin < seconds{3});
  CHECK_FALSE(fixture.server.tcp_address());
}

TEST_CASE("the socket: modes, stale files, a living neighbour, disappearance") {
  Fixture fixture;
  const Path& path = fixture.config_.socket_path;
  struct stat info {};
  REQUIRE(lstat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0600);
  REQUIRE(lstat(path.parent_path().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777U) == 0700);

  test::FakeUseCases others;
  api::ApiServer second;
  const auto refused = second.start(fixture.config_, others);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "socket_in_use");
  CHECK(fixture.server.socket_present());

  REQUIRE(unlink(path.c_str()) == 0);
  CHECK_FALSE(fixture.server.socket_present());
  REQUIRE(fixture.server.start(fixture.config_, fixture.use_cases));
  CHECK(fixture.local().Get("/healthz")->status == 200);

  // What a killed daemon leaves: a socket that nobody listens on.
  fixture.server.stop();
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const Fd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(fixture.server.start(fixture.config_, fixture.use_cases));
  CHECK(fixture.local().Get("/healthz")->status == 200);
}

TEST_CASE("a TCP port that is taken is an error, also for a second server of ours") {
  Fixture fixture;
  api::ServerConfig config = fixture.config_;
  config.socket_path = fixture.config_.socket_path.string() + "2";
  config.tcp = api::TcpMode{api::TcpMode::Kind::fixed, fixture.port()};
  api::ApiServer second;
  const auto refused = second.start(config, fixture.use_cases);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "listen_failed");
  CHECK_FALSE(std::filesystem::exists(config.socket_path));
  config.tcp.kind = api::TcpMode::Kind::off;
  REQUIRE(second.start(config, fixture.use_cases));
  CHECK_FALSE(second.tcp_address());
}

TEST_CASE("many clients at once") {
  Fixture fixture;
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        const auto result = fixture.local().Get("/v1/jobs/j-7");
        good += result && result->status == 200 ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  CHECK(good == 240);
}
