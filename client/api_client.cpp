#include "api/codec.hpp"
#include "client/api_connection.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>

namespace ckpt::client {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

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

std::uint64_t number_header(const httplib::Response& response, const char* name) {
  const std::string text = response.get_header_value(name);
  return text.empty() || text.find_first_not_of("0123456789") != std::string::npos
             ? 0
             : std::strtoull(text.c_str(), nullptr, 10);
}

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

Result<api::StatusView> ApiClient::status() {
  return decode<api::StatusView>(impl_->get("/v1/status"));
}

Result<api::JobView> ApiClient::submit(const api::SubmitRequest& request) {
  return decode<api::JobView>(
      impl_->post("/v1/jobs", dump_json(api::to_json(request)), request.idempotency_key));
}

Result<api::ArrayView> ApiClient::submit_array(const api::ArrayRequest& request) {
  return decode<api::ArrayView>(
      impl_->post("/v1/arrays", dump_json(api::to_json(request)), request.job.idempotency_key));
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

Result<api::JobView> ApiClient::fork(const std::string& selector, const api::ForkRequest& request) {
  return decode<api::JobView>(impl_->post(
      job_path(selector, "/fork"), dump_json(api::to_json(request)), request.idempotency_key));
}

Result<api::JobView> ApiClient::cancel(const std::string& selector, Duration wait) {
  return decode<api::JobView>(
      impl_->post(with_query(job_path(selector, "/cancel"), wait_parameter(wait)), "{}", ""));
}

namespace {

std::string generation_path(const std::string& selector, GenerationId id) {
  return job_path(selector, "/generations/" + id.str());
}

} // namespace

Result<api::JobView> ApiClient::hold(const std::string& selector) {
  return decode<api::JobView>(impl_->post(job_path(selector, "/hold"), "{}"));
}

Result<api::JobView> ApiClient::release(const std::string& selector) {
  return decode<api::JobView>(impl_->post(job_path(selector, "/release"), "{}"));
}

Result<api::JobView> ApiClient::requeue(const std::string& selector) {
  return decode<api::JobView>(impl_->post(job_path(selector, "/requeue"), "{}"));
}

Result<api::JobView> ApiClient::change_policy(const std::string& selector,
                                              const std::string& patch) {
  return decode<api::JobView>(impl_->patch(job_path(selector, "/policy"), patch));
}

Status ApiClient::remove_job(const std::string& selector) {
  const auto response = impl_->remove(job_path(selector));
  return response ? Status() : Status(tl::unexpected(response.error()));
}

Result<api::GenerationView>
ApiClient::pin(const std::string& selector, GenerationId id, bool pinned) {
  return decode<api::GenerationView>(
      impl_->patch(generation_path(selector, id), dump_json({{"pinned", pinned}})));
}

Result<api::GenerationView>
ApiClient::verify(const std::string& selector, GenerationId id, Duration wait) {
  return decode<api::GenerationView>(impl_->post(
      with_query(generation_path(selector, id) + "/verify", wait_parameter(wait)), "{}"));
}

Result<api::GenerationView> ApiClient::remove_generation(const std::string& selector,
                                                         GenerationId id) {
  return decode<api::GenerationView>(impl_->remove(generation_path(selector, id)));
}

Result<std::vector<api::PrunedView>> ApiClient::prune(const api::PruneRequest& request) {
  nlohmann::json body{{"dry_run", request.dry_run}};
  if (request.job) {
    body["job"] = *request.job;
  }
  return decode_list<api::PrunedView>(impl_->post("/v1/prune", dump_json(body)));
}

Result<std::vector<api::NodeView>> ApiClient::nodes() {
  return decode_list<api::NodeView>(impl_->get("/v1/nodes"));
}

Result<api::StatsView> ApiClient::stats() {
  return decode<api::StatsView>(impl_->get("/v1/stats"));
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
