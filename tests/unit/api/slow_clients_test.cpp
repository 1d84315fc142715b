// Clients that connect and say nothing, or one byte at a time, or too much: each costs itself.
#include "tests/unit/api/server_fixture.hpp"

#include <fcntl.h>

#include <array>
#include <thread>
#include <vector>

using namespace ckpt;
using test::Fixture;
using test::status_of;

namespace {

using SteadyClock = std::chrono::steady_clock;

void say(const Fd& fd, const std::string& bytes) {
  (void)send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/// The other side has closed, and what it said before that.
bool closed(const Fd& fd, std::string& said) {
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return got == 0 || (errno != EAGAIN && errno != EINTR);
}

bool closed(const Fd& fd) {
  std::string said;
  return closed(fd, said);
}

api::ServerLimits few_threads(Duration patience) {
  api::ServerLimits limits;
  limits.threads = 2;
  limits.queued_connections = 4;
  limits.waiting_connections = 100;
  limits.header_patience = patience;
  return limits;
}

} // namespace

TEST_CASE("many that say nothing or a byte now and then starve nobody, on either address") {
  Fixture fixture(few_threads(minutes{10}));
  std::vector<Fd> slow;
  for (int i = 0; i < 90; ++i) {
    slow.push_back(i % 2 == 0 ? fixture.connection() : fixture.local_connection());
    if (i % 3 != 0) {
      say(slow.back(), "GET /v1/status HTTP/1.1\r\nX-Slow: ");
    }
  }
  for (int round = 0; round < 20; ++round) {
    for (const Fd& fd : slow) {
      say(fd, "a");
    }
    const auto begin = SteadyClock::now();
    const auto over_tcp = fixture.tcp().Get("/v1/status");
    const auto over_socket = fixture.local().Get("/v1/status");
    REQUIRE(over_tcp);
    REQUIRE(over_socket);
    CHECK(over_tcp->status == 200);
    CHECK(over_socket->status == 200);
    CHECK(SteadyClock::now() - begin < seconds{5}); // their patience is ten minutes
  }
  for (const Fd& fd : slow) {
    CHECK_FALSE(closed(fd)); // there was room for all of them
  }
  fixture.server.stop(); // and they do not hold it up
}

TEST_CASE("a flood of connections pushes out the eldest idle ones, never a request") {
  Fixture fixture(few_threads(minutes{10}));
  std::vector<Fd> flood;
  for (int i = 0; i < 300; ++i) {
    flood.push_back(fixture.connection());
    if (i % 50 == 0) {
      CHECK(fixture.tcp().Get("/v1/status")->status == 200);
    }
  }
  CHECK(fixture.tcp().Get("/v1/status")->status == 200);
  CHECK(test::wait_until([&] { return closed(flood.front()); }));
  CHECK(test::wait_until([&] { return closed(flood[150]); }));
  CHECK_FALSE(closed(flood.back()));
}

TEST_CASE("idle connections are closed, slow ones are told") {
  Fixture fixture(few_threads(milliseconds{300}));
  const Fd idle = fixture.connection();
  const Fd idle_local = fixture.local_connection();
  const Fd slow = fixture.connection();
  say(slow, "GET /v1/status HTTP/1.1\r\nHost: local");
  std::string nothing;
  CHECK(test::wait_until([&] { return closed(idle, nothing); }));
  CHECK(test::wait_until([&] { return closed(idle_local, nothing); }));
  CHECK(nothing.empty());
  std::string said;
  CHECK(test::wait_until([&] { return closed(slow, said); }));
  CHECK(status_of(said) == 400);
  CHECK(said.find("too slowly") != std::string::npos);
}

TEST_CASE("one byte more does not buy more time") {
  Fixture fixture(few_threads(milliseconds{500}));
  const Fd slow = fixture.connection();
  const auto begin = SteadyClock::now();
  CHECK(test::wait_until(
      [&] {
        say(slow, "G");
        return closed(slow);
      },
      seconds{20}));
  CHECK(SteadyClock::now() - begin < seconds{10});
}

TEST_CASE("a request in pieces is a request") {
  Fixture fixture;
  const Fd fd = fixture.connection();
  const std::string request =
      "GET /v1/jobs/j-7 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
      fixture.config_.token + "\r\n\r\n";
  for (const char c : request) {
    say(fd, std::string(1, c));
  }
  std::string said;
  CHECK(test::wait_until([&] { return closed(fd, said); }));
  CHECK(status_of(said) == 200);
}

TEST_CASE("who leaves in the middle is forgotten") {
  Fixture fixture(few_threads(minutes{10}));
  for (int i = 0; i < 50; ++i) {
    const Fd gone = fixture.connection();
    say(gone, i % 2 == 0 ? "" : "GET /v1/st");
  }
  CHECK(test::wait_until([&] { // 25 of them are being told that they sent no request
    const auto answer = fixture.tcp().Get("/v1/status");
    return answer && answer->status == 200;
  }));
}

TEST_CASE("nobody reads an answer: the thread comes back") {
  api::ServerLimits limits = few_threads(seconds{10});
  Fixture fixture(limits);
  std::vector<Fd> deaf;
  for (int i = 0; i < 6; ++i) { // small answers fit the kernel's buffer: nobody has to read them
    deaf.push_back(fixture.connection());
    say(deaf.back(), "GET /v1/status HTTP/1.1\r\n\r\n");
  }
  CHECK(test::wait_until([&] {
    const auto answer = fixture.tcp().Get("/v1/status");
    return answer && answer->status == 200;
  }));
}

TEST_CASE("headers: as many and as large as allowed, and no more") {
  api::ServerLimits limits;
  limits.header_bytes = 8192;
  limits.header_count = 20;
  Fixture fixture(limits);
  const auto with = [&](int count, std::size_t bytes) {
    std::string headers;
    for (int i = 0; i < count; ++i) {
      headers += "X-" + std::to_string(i) + ": " + std::string(bytes, 'a') + "\r\n";
    }
    return status_of(fixture.raw_authorized("GET /v1/status HTTP/1.1", headers + "\r\n"));
  };
  CHECK(with(10, 500) == 200);
  CHECK(with(14, 10) == 200); // with Host, Authorization, and four that the library adds
  CHECK(with(40, 10) == 431);
  CHECK(with(10, 1000) == 400);
  CHECK(with(1, 100'000) == 400);
  CHECK(with(20'000, 1) == 400);
  CHECK(with(1, 100) == 200);
}

TEST_CASE("a NUL, bare line ends and bytes that are no text do not confuse the reader") {
  Fixture fixture;
  for (const std::string& bytes : {std::string("\0\0\0\r\n\r\n", 7),
                                   std::string("GET / HTTP/1.1\n\n"),
                                   std::string("\r\n\r\n"),
                                   std::string("\xff\xfe\xfd HTTP/9.9\r\n\r\n"),
                                   std::string("GET http://evil.example/ HTTP/1.1\r\n\r\n"),
                                   std::string("OPTIONS * HTTP/1.1\r\n\r\n"),
                                   std::string("CONNECT evil.example:80 HTTP/1.1\r\n\r\n"),
                                   std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
    const int status = status_of(fixture.raw(bytes));
    CHECK((status == 0 || (status >= 400 && status < 500)));
  }
  CHECK(fixture.use_cases.calls == 0);
  CHECK(fixture.tcp().Get("/v1/status")->status == 200);
}
