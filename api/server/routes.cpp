#include "api/server/routes.hpp"

#include "api/server/dashboard.hpp"
#include "api/server/handlers.hpp"

namespace ckpt::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty() && path.front() == '/') {
    path.remove_prefix(1);
    const std::size_t end = path.find('/');
    segments.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return segments;
}

bool is_variable(std::string_view segment) {
  return !segment.empty() && segment.front() == '{';
}

std::optional<std::vector<std::string>> match_pattern(std::string_view pattern,
                                                      const std::vector<std::string_view>& path) {
  const std::vector<std::string_view> expected = segments_of(pattern);
  if (expected.size() != path.size()) {
    return std::nullopt;
  }
  std::vector<std::string> values;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (!is_variable(expected[i])) {
      if (expected[i] != path[i]) {
        return std::nullopt;
      }
      continue;
    }
    auto value = percent_decode(path[i]);
    if (!value || value->empty()) {
      return std::nullopt;
    }
    values.push_back(std::move(*value));
  }
  return values;
}

} // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> table{
      {.method = "GET",
       .pattern = "/",
       .operation_id = "getDashboard",
       .handler = handle_dashboard,
       .needs_token = false},
      {.method = "GET",
       .pattern = "/healthz",
       .operation_id = "getHealth",
       .handler = handle_health,
       .needs_token = false},
      {.method = "GET",
       .pattern = "/v1/status",
       .operation_id = "getStatus",
       .handler = handle_status},
      {.method = "GET",
       .pattern = "/v1/jobs",
       .operation_id = "listJobs",
       .handler = handle_list_jobs},
      {.method = "POST",
       .pattern = "/v1/jobs",
       .operation_id = "submitJob",
       .handler = handle_submit},
      {.method = "POST",
       .pattern = "/v1/arrays",
       .operation_id = "submitArray",
       .handler = handle_submit_array},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}",
       .operation_id = "getJob",
       .handler = handle_get_job},
      {.method = "DELETE",
       .pattern = "/v1/jobs/{id}",
       .operation_id = "removeJob",
       .handler = handle_remove_job},
      {.method = "PATCH",
       .pattern = "/v1/jobs/{id}/policy",
       .operation_id = "changePolicy",
       .handler = handle_policy},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}/attempts",
       .operation_id = "listAttempts",
       .handler = handle_attempts},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}/processes",
       .operation_id = "listProcesses",
       .handler = handle_processes},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}/generations",
       .operation_id = "listGenerations",
       .handler = handle_generations},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}/generations/{g}",
       .operation_id = "getGeneration",
       .handler = handle_generation},
      {.method = "PATCH",
       .pattern = "/v1/jobs/{id}/generations/{g}",
       .operation_id = "pinGeneration",
       .handler = handle_pin},
      {.method = "DELETE",
       .pattern = "/v1/jobs/{id}/generations/{g}",
       .operation_id = "removeGeneration",
       .handler = handle_remove_generation},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/generations/{g}/verify",
       .operation_id = "verifyGeneration",
       .handler = handle_verify,
       .may_wait = true},
      {.method = "GET",
       .pattern = "/v1/jobs/{id}/output",
       .operation_id = "readOutput",
       .handler = handle_output},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/checkpoints",
       .operation_id = "checkpointJob",
       .handler = handle_checkpoint,
       .may_wait = true},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/stop",
       .operation_id = "stopJob",
       .handler = handle_stop,
       .may_wait = true},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/restart",
       .operation_id = "restartJob",
       .handler = handle_restart},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/fork",
       .operation_id = "forkJob",
       .handler = handle_fork},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/cancel",
       .operation_id = "cancelJob",
       .handler = handle_cancel,
       .may_wait = true},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/hold",
       .operation_id = "holdJob",
       .handler = handle_hold},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/release",
       .operation_id = "releaseJob",
       .handler = handle_release},
      {.method = "POST",
       .pattern = "/v1/jobs/{id}/requeue",
       .operation_id = "requeueJob",
       .handler = handle_requeue},
      {.method = "POST", .pattern = "/v1/prune", .operation_id = "prune", .handler = handle_prune},
      {.method = "GET",
       .pattern = "/v1/coordinators",
       .operation_id = "listCoordinators",
       .handler = handle_coordinators},
      {.method = "GET",
       .pattern = "/v1/nodes",
       .operation_id = "listNodes",
       .handler = handle_nodes},
      {.method = "GET",
       .pattern = "/v1/stats",
       .operation_id = "getStats",
       .handler = handle_stats},
      {.method = "GET",
       .pattern = "/metrics",
       .operation_id = "getMetrics",
       .handler = handle_metrics},
      {.method = "GET",
       .pattern = "/openapi.yaml",
       .operation_id = "getDescription",
       .handler = handle_description,
       .needs_token = false},
      {.method = "GET",
       .pattern = "/v1/events",
       .operation_id = "listEvents",
       .handler = handle_events,
       .may_wait = true,
       .streams = true},
  };
  return table;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) {
        return std::nullopt;
      }
      c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    }
    if (c == '\0') {
      return std::nullopt;
    }
    out += c;
  }
  return out;
}

Match match_route(std::string_view method, std::string_view target) {
  const std::vector<std::string_view> path =
      segments_of(target.substr(0, target.find_first_of("?#")));
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  Match match;
  for (const Route& route : routes()) {
    auto values = match_pattern(route.pattern, path);
    if (!values) {
      continue;
    }
    match.allowed.push_back(route.method);
    if (route.method == wanted) {
      match.route = &route;
      match.path_values = std::move(*values);
    }
  }
  return match;
}

} // namespace ckpt::api
