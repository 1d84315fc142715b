#include "api/endpoint.hpp"

#include "core/base/strings.hpp"
#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace ckpt::api {
namespace {

constexpr std::size_t kTokenBytes = 32;

Status check_private(const Path& file) {
  struct stat info {};
  if (lstat(file.c_str(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "look at", file));
  }
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077U) != 0) {
    return fail(ErrorClass::refused,
                "token_exposed",
                "the token file " + file.string() +
                    " is not a file of yours that only you can read",
                "Remove it and restart the daemon: `rm " + shell_quote(file.string()) +
                    "`, `ckpt daemon restart`.");
  }
  return {};
}

} // namespace

Status write_endpoint(const Path& file, const Endpoint& endpoint) {
  const nlohmann::json json{
      {"host", endpoint.host},
      {"pid", endpoint.pid},
      {"uid", endpoint.uid},
      {"version", endpoint.version},
      {"socket", bytes_json(endpoint.socket.string())},
      {"tcp", endpoint.tcp ? nlohmann::json(*endpoint.tcp) : nlohmann::json(nullptr)},
      {"token_file", bytes_json(endpoint.token_file.string())},
      {"started_at", format_rfc3339(endpoint.started_at)},
  };
  return write_file_atomically(file, dump_json_pretty(json) + "\n", 0600);
}

Result<Endpoint> read_endpoint(const Path& file) {
  const auto text = read_file(file, std::size_t{64} << 10U);
  if (!text) {
    if (text.error().cls == ErrorClass::not_found) {
      return fail(ErrorClass::no_daemon,
                  "no_daemon",
                  "no daemon runs for " + file.parent_path().string(),
                  "Start it: `ckpt daemon start`.");
    }
    return tl::unexpected(text.error());
  }
  const auto json = parse_json(*text);
  if (!json) {
    return tl::unexpected(json.error());
  }
  // Not finished with Fields::finish: a newer daemon may have more to say.
  Fields fields(*json, file.string());
  Endpoint endpoint;
  endpoint.host = fields.text("host");
  endpoint.pid = fields.integer("pid");
  endpoint.uid = fields.integer("uid");
  endpoint.version = fields.text("version");
  endpoint.socket = fields.bytes("socket");
  endpoint.tcp = fields.optional_text("tcp");
  endpoint.token_file = fields.bytes("token_file");
  endpoint.started_at = fields.time("started_at");
  if (endpoint.socket.empty() || endpoint.host.empty()) {
    return fail(ErrorClass::failed,
                "bad_endpoint",
                file.string() + " is not an endpoint file of ckptd",
                "Restart the daemon: `ckpt daemon restart`.");
  }
  return endpoint;
}

Result<std::string> read_token(const Path& file) {
  if (auto fine = check_private(file); !fine) {
    return tl::unexpected(fine.error());
  }
  auto text = read_file(file, 4096);
  if (!text) {
    return text;
  }
  std::string token(trim(*text));
  if (token.size() < 2 * kTokenBytes) {
    return fail(ErrorClass::refused,
                "token_too_short",
                "the token in " + file.string() + " has fewer than 256 bits",
                "Remove the file and restart the daemon; it makes a new one.");
  }
  return token;
}

Result<std::string> load_or_create_token(const Path& file) {
  auto made = create_file_exclusively(file, random_hex(kTokenBytes) + "\n", 0600);
  if (!made && made.error().code != "file_exists") {
    return tl::unexpected(made.error());
  }
  return read_token(file);
}

} // namespace ckpt::api
