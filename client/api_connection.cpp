#include "client/api_connection.hpp"

#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace ckpt::client {
namespace {

/// Whether a process of this user listens on 127.0.0.1 with this port. After a daemon's death a
/// stranger may have taken it, and must not be sent the token.
bool we_listen_on(const std::string& tcp) {
  constexpr std::size_t kLocal = 1;
  constexpr std::size_t kState = 3;
  constexpr std::size_t kUid = 7;
  const int port = std::atoi(tcp.substr(tcp.rfind(':') + 1).c_str());
  std::array<char, 16> wanted{};
  (void)std::snprintf(
      wanted.data(), wanted.size(), "0100007F:%04X", static_cast<unsigned>(port) & 0xFFFFU);
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
    if (fields.size() > kUid && fields[kLocal] == wanted.data() && fields[kState] == "0A") {
      return fields[kUid] == std::to_string(geteuid());
    }
  }
  return false;
}

constexpr seconds kPatience{90}; ///< room for the daemon to answer beyond what it was asked to wait

} // namespace

ApiClient::Impl::Impl(api::Endpoint where) : endpoint(std::move(where)) {
  use_socket();
}

void ApiClient::Impl::set_times() {
  http->set_connection_timeout(5);
  http->set_read_timeout(kPatience.count());
  http->set_write_timeout(30);
  http->set_keep_alive(false);
}

void ApiClient::Impl::use_socket() {
  http = std::make_unique<httplib::Client>(endpoint.socket.string());
  http->set_address_family(AF_UNIX);
  set_times();
}

bool ApiClient::Impl::use_tcp() {
  const auto token = endpoint.tcp ? api::read_token(endpoint.token_file)
                                  : Result<std::string>(fail(ErrorClass::failed, "", ""));
  if (!token || over_tcp || !we_listen_on(*endpoint.tcp)) {
    return false;
  }
  http = std::make_unique<httplib::Client>("http://" + *endpoint.tcp);
  http->set_default_headers({{"Authorization", "Bearer " + *token}});
  set_times();
  over_tcp = true;
  return true;
}

Error ApiClient::Impl::unreachable() const {
  return {ErrorClass::no_daemon,
          Outcome::unknown,
          "daemon_silent",
          "the daemon (pid " + std::to_string(endpoint.pid) + " on " + endpoint.host +
              ") does not answer on " + endpoint.socket.string(),
          "Type `ckpt daemon status`; its log is named by `ckpt paths`."};
}

Result<httplib::Response> ApiClient::Impl::exchange(const Send& send) {
  httplib::Result result = send();
  if (!result && (use_tcp() || result.error() != httplib::Error::Connection)) {
    result = send(); // safe: what is asked for twice is done once
  }
  if (!result) {
    return tl::unexpected(unreachable());
  }
  if (result->status >= 400) {
    return tl::unexpected(api::error_from_problem(result->status, result->body));
  }
  return *result;
}

Result<httplib::Response> ApiClient::Impl::get(const std::string& path) {
  return exchange([&] { return http->Get(path); });
}

Result<httplib::Response>
ApiClient::Impl::post(const std::string& path, const std::string& body, const std::string& key) {
  constexpr std::size_t kKeyBytes = 16;
  const httplib::Headers headers{{"Idempotency-Key", key.empty() ? random_hex(kKeyBytes) : key}};
  return exchange([&] { return http->Post(path, headers, body, "application/json"); });
}

Result<httplib::Response> ApiClient::Impl::patch(const std::string& path, const std::string& body) {
  return exchange([&] { return http->Patch(path, body, "application/json"); });
}

Result<httplib::Response> ApiClient::Impl::remove(const std::string& path) {
  return exchange([&] { return http->Delete(path); });
}

ApiClient::ApiClient(api::Endpoint endpoint) : impl_(std::make_unique<Impl>(std::move(endpoint))) {}
ApiClient::~ApiClient() = default;
ApiClient::ApiClient(ApiClient&&) noexcept = default;
ApiClient& ApiClient::operator=(ApiClient&&) noexcept = default;

const api::Endpoint& ApiClient::endpoint() const {
  return impl_->endpoint;
}

Status ApiClient::ping(std::optional<Duration> patience) {
  if (patience) {
    impl_->http->set_read_timeout(*patience);
  }
  const auto response = impl_->get("/healthz");
  impl_->set_times();
  return response ? Status() : Status(tl::unexpected(response.error()));
}

} // namespace ckpt::client
