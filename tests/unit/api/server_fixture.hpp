#pragma once

#include "api/server/server.hpp"
#include "tests/support/wait_until.hpp"
#include "tests/unit/api/fake_use_cases.hpp"

#include <doctest/doctest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace ckpt::test {

/// A real server on a socket and on TCP, backed by the fake.
class Fixture {
public:
  explicit Fixture(api::ServerLimits limits = {}) {
    folder_ = Path("/tmp") / ("ckptd-test-" + random_hex(6));
    REQUIRE(api::prepare_socket_folder(folder_));
    config_.socket_path = folder_ / "api.sock";
    config_.token = random_hex(32);
    config_.limits = limits;
    const auto started = server.start(config_, use_cases);
    REQUIRE_MESSAGE(started, started.error().message);
  }
  ~Fixture() {
    use_cases.release();
    server.stop();
    (void)remove_tree(folder_);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  httplib::Client local() const {
    httplib::Client client(config_.socket_path.string());
    client.set_address_family(AF_UNIX);
    return client;
  }
  httplib::Client tcp(bool with_token = true) const {
    httplib::Client client("http://" + *server.tcp_address());
    if (with_token) {
      client.set_default_headers({{"Authorization", "Bearer " + config_.token}});
    }
    return client;
  }
  int port() const {
    const std::string address = *server.tcp_address();
    return std::stoi(address.substr(address.find(':') + 1));
  }

  /// A connection over TCP that has said nothing yet.
  Fd connection() const {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }
  Fd local_connection() const {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    config_.socket_path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
  }

  /// Sends bytes as they are and returns what comes back until the other side closes.
  std::string raw(const std::string& request) const {
    const Fd fd = connection();
    for (std::size_t sent = 0; sent < request.size();) {
      const ssize_t count =
          send(fd.get(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) {
        break;
      }
      sent += static_cast<std::size_t>(count);
    }
    std::string answer;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;) {
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return answer;
  }
  std::string raw_authorized(const std::string& head, const std::string& rest) const {
    return raw(head + "\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + config_.token + "\r\n" +
               rest);
  }

  FakeUseCases use_cases;
  api::ServerConfig config_;
  api::ApiServer server;

private:
  Path folder_;
};

inline int status_of(const std::string& raw_answer) {
  return raw_answer.size() > 12 ? std::atoi(raw_answer.substr(9, 3).c_str()) : 0;
}

} // namespace ckpt::test
