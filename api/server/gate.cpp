#include "api/server/gate.hpp"

#include <charconv>

namespace ckpt::api {

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  // The length is no secret: every token has the same one.
  if (a.size() != b.size()) {
    return false;
  }
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

bool bearer_matches(std::string_view authorization, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  return !token.empty() && authorization.substr(0, kScheme.size()) == kScheme &&
         equal_in_constant_time(authorization.substr(kScheme.size()), token);
}

bool host_is_ours(std::string_view host, int port) {
  const std::string with_port = ":" + std::to_string(port);
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (host == name || host == std::string(name) + with_port) {
      return true;
    }
  }
  return false;
}

Result<TcpMode> TcpMode::parse(std::string_view text) {
  constexpr int kMaxPort = 65535;
  if (text == "auto") {
    return TcpMode{};
  }
  if (text == "off") {
    return TcpMode{Kind::off, 0};
  }
  int port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || port < 1 ||
      port > kMaxPort) {
    return fail(ErrorClass::usage,
                "invalid_tcp_mode",
                "api.tcp is '" + std::string(text) + "'",
                "Write auto, off, or a port from 1 to 65535.");
  }
  return TcpMode{Kind::fixed, port};
}

} // namespace ckpt::api
