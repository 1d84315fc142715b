#include "client/api_client.hpp"

#include "api/codec.hpp"
#include "api/problem.hpp"
#include "core/base/files.hpp"
#include "core/base/strings.hpp"
#include "core/json/json.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>

namespace ckpt::client {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Room for the daemon to answer beyond what it was asked to wait.
constexpr seconds kPatience{90};

std::string percent_encode(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      std::array<char, 4> escape{};
      (void)std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned char>(c));
      out += escape.data();
    }
  }
  return out;
}

std::string with_query(std::string path, const Parameters& parameters) {
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    path += separator + name + "=" + percent_encode(value);
    separator = '&';
  }
  return path;
}

std::string job_path(const std::string& selector, const std::string& rest = {}) {
  return "/v1/jobs/" + percent_encode(selector) + rest;
}

std::string whole_seconds(Duration wait) {
  return std::to_string(std::chrono::duration_cast<seconds>(wait).count());
}

Parameters wait_parameter(Duration wait) {
  return wait > Duration{0} ? Parameters{{"wait", whole_seconds(wait)}} : Parameters{};
}

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

std::uint64_t number_header(const httplib::Response& response, const char* name) {
  const std::string text = response.get_header_value(name);
  return text.empty() || text.find_first_not_of("0123456789") != std::string::npos
             ? 0
             : std::strtoull(text.c_str(), nullptr, 10);
}

} // namespace

struct ApiClient::Impl {
  api::Endpoint endpoint;
  std::unique_ptr<httplib::Client> http;
  bool over_tcp = false;

  explicit Impl(api::Endpoint where) : endpoint(std::move(where)) { use_socket(); }

  void set_times() {
    http->set_connection_timeout(5);
    http->set_read_timeout(kPatience.count());
    http->set_write_timeout(30);
    http->set_keep_alive(false);
  }
  void use_socket() {
    http = std::make_unique<httplib::Client>(endpoint.socket.string());
    http->set_address_family(AF_UNIX);
    set_times();
  }
  /// The socket's folder may have been deleted at a logout while the daemon lives on.
  bool use_tcp() {
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

  Error unreachable() const {
    return {ErrorClass::no_daemon,
            Outcome::unknown,
            "daemon_silent",
            "the daemon (pid " + std::to_string(endpoint.pid) + " on " + endpoint.host +
                ") does not answer on " + endpoint.socket.string(),
            "Type `ckpt daemon status`; its log is named by `ckpt paths`."};
  }

  template <class Send> Result<httplib::Response> exchange(const Send& send) {
    httplib::Result result = send();
    if (!result && (use_tcp() || result.error() != httplib::Error::Connection)) {
      result = send(); // safe: GET, or POST with an idempotency key
    }
    if (!result) {
      return tl::unexpected(unreachable());
    }
    if (result->status >= 400) {
      return tl::unexpected(api::error_from_problem(result->status, result->body));
    }
    return *result;
  }
  Result<httplib::Response> get(const std::string& path) {
    return exchange([&] { return http->Get(path); });
  }
  Result<httplib::Response>
  post(const std::string& path, const std::string& body, const std::string& key) {
    constexpr std::size_t kKeyBytes = 16;
    const httplib::Headers headers{{"Idempotency-Key", key.empty() ? random_hex(kKeyBytes) : key}};
    return exchange([&] { return http->Post(path, headers, body, "application/json"); });
  }
};

namespace {

template <class View> Result<View> decode(const Result<httplib::Response>& response) {
  if (!response) {
    return tl::unexpected(response.error());
  }
  const auto json = parse_json(response->body);
  if (!json) {
    return tl::unexpected(json.error());
  }
  return api::from_json<View>(*json);
}

template <class View>
Result<std::vector<View>> decode_list(const Result<httplib::Response>& response) {
  auto page = decode<api::Page<View>>(response);
  if (!page) {
    return tl::unexpected(page.error());
  }
  return std::move(page->items);
}

} // namespace

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

Result<api::StatusView> ApiClient::status() {
  return decode<api::StatusView>(impl_->get("/v1/status"));
}

Result<api::JobView> ApiClient::submit(const api::SubmitRequest& request) {
  return decode<api::JobView>(
      impl_->post("/v1/jobs", dump_json(api::to_json(request)), request.idempotency_key));
}

Result<api::Page<api::JobView>> ApiClient::list_jobs(const api::JobFilter& filter) {
  Parameters parameters{{"limit", std::to_string(filter.limit)}};
  for (const JobState state : filter.states) {
    parameters.emplace_back("state", word(state));
  }
  for (const auto& [key, value] : filter.tags) {
    parameters.emplace_back("tag", key + "=" + value);
  }
  if (filter.after) {
    parameters.emplace_back("after", filter.after->str());
  }
  return decode<api::Page<api::JobView>>(impl_->get(with_query("/v1/jobs", parameters)));
}

Result<std::vector<api::JobView>> ApiClient::all_jobs(api::JobFilter filter) {
  std::vector<api::JobView> jobs;
  for (;;) {
    auto page = list_jobs(filter);
    if (!page) {
      return tl::unexpected(page.error());
    }
    std::move(page->items.begin(), page->items.end(), std::back_inserter(jobs));
    const auto next = page->next ? JobId::parse(*page->next) : std::nullopt;
    if (!next || next == filter.after) {
      return jobs;
    }
    filter.after = next;
  }
}

Result<api::JobView> ApiClient::job(const std::string& selector) {
  return decode<api::JobView>(impl_->get(job_path(selector)));
}

Result<std::vector<api::AttemptView>> ApiClient::attempts(const std::string& selector) {
  return decode_list<api::AttemptView>(impl_->get(job_path(selector, "/attempts")));
}

Result<std::vector<api::GenerationView>> ApiClient::generations(const std::string& selector) {
  return decode_list<api::GenerationView>(impl_->get(job_path(selector, "/generations")));
}

Result<api::GenerationView> ApiClient::generation(const std::string& selector, GenerationId id) {
  return decode<api::GenerationView>(impl_->get(job_path(selector, "/generations/" + id.str())));
}

Result<std::vector<api::ProcessView>> ApiClient::processes(const std::string& selector) {
  return decode_list<api::ProcessView>(impl_->get(job_path(selector, "/processes")));
}

Result<std::vector<api::CoordinatorView>> ApiClient::coordinators() {
  return decode_list<api::CoordinatorView>(impl_->get("/v1/coordinators"));
}

Result<api::GenerationView> ApiClient::checkpoint(const std::string& selector, Duration wait) {
  return decode<api::GenerationView>(
      impl_->post(with_query(job_path(selector, "/checkpoints"), wait_parameter(wait)), "{}", ""));
}

Result<api::JobView> ApiClient::stop(const std::string& selector, Duration wait) {
  return decode<api::JobView>(
      impl_->post(with_query(job_path(selector, "/stop"), wait_parameter(wait)), "{}", ""));
}

Result<api::JobView> ApiClient::restart(const std::string& selector,
                                        const api::RestartRequest& request) {
  return decode<api::JobView>(impl_->post(
      job_path(selector, "/restart"), dump_json(api::to_json(request)), request.idempotency_key));
}

Result<api::JobView> ApiClient::cancel(const std::string& selector, Duration wait) {
  return decode<api::JobView>(
      impl_->post(with_query(job_path(selector, "/cancel"), wait_parameter(wait)), "{}", ""));
}

Result<api::EventPage> ApiClient::events(const api::EventFilter& filter) {
  Parameters parameters = wait_parameter(filter.wait);
  parameters.emplace_back("after", filter.after ? std::to_string(*filter.after) : "now");
  parameters.emplace_back("limit", std::to_string(filter.limit));
  if (filter.job) {
    parameters.emplace_back("job", *filter.job);
  }
  return decode<api::EventPage>(impl_->get(with_query("/v1/events", parameters)));
}

Result<api::OutputChunk> ApiClient::output(const std::string& selector,
                                           const api::OutputRequest& request) {
  Parameters parameters{{"stream", std::string(word(request.stream))},
                        {"offset", std::to_string(request.offset)},
                        {"limit", std::to_string(request.limit)}};
  if (request.attempt) {
    parameters.emplace_back("attempt", request.attempt->str());
  }
  auto response = impl_->get(with_query(job_path(selector, "/output"), parameters));
  if (!response) {
    return tl::unexpected(response.error());
  }
  api::OutputChunk chunk;
  chunk.offset = number_header(*response, "Ckpt-Offset");
  chunk.size = number_header(*response, "Ckpt-Size");
  chunk.complete = response->get_header_value("Ckpt-Complete") == "true";
  chunk.data = std::move(response->body);
  return chunk;
}

} // namespace ckpt::client
