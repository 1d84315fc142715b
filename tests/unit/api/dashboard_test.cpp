#include "tests/unit/api/server_fixture.hpp"

#include <doctest/doctest.h>
#include <httplib.h>

using namespace ckpt;
using test::Fixture;
using test::status_of;

TEST_CASE("the dashboard is one page that needs no token and allows nothing but itself") {
  Fixture fixture;
  const auto page = fixture.tcp(false).Get("/");
  REQUIRE(page);
  CHECK(page->status == 200);
  CHECK(page->get_header_value("Content-Type") == "text/html; charset=utf-8");
  CHECK(page->get_header_value("X-Content-Type-Options") == "nosniff");
  CHECK(page->get_header_value("Referrer-Policy") == "no-referrer");
  CHECK(page->get_header_value("Cache-Control") == "private, no-cache");
  const std::string policy = page->get_header_value("Content-Security-Policy");
  CHECK(policy.find("default-src 'none'") == 0);
  CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(policy.find('*') == std::string::npos);
  CHECK(page->body.find("<!doctype html>") == 0);
  CHECK(page->body.find("src=\"http") == std::string::npos);
}

TEST_CASE("the dashboard is for our own host name alone, and takes no parameters") {
  Fixture fixture;
  CHECK(status_of(fixture.raw("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")) == 421);
  CHECK(fixture.tcp(false).Get("/?token=1")->status == 400);
  CHECK(fixture.tcp(false).Get("/index.html")->status == 401);
}
