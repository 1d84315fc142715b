#pragma once

#include "api/server/event_streams.hpp"
#include "api/server/routes.hpp"
#include "api/server/server.hpp"

#include <httplib.h>

#include <atomic>
#include <cstddef>
#include <string>

namespace ckpt::api {

/// A problem+json as the answer; `status` 0: the one of the error's class.
void set_problem(httplib::Response& response, const Error& error, int status = 0);

/// From a whole request to its answer: finds the route, calls the handler, adds the ETag.
/// Thread-safe.
class Answerer {
public:
  Answerer(const ServerLimits& limits, UseCases& use_cases, EventStreams& streams)
      : limits_(limits), use_cases_(use_cases), streams_(streams) {}

  /// `connection`: that the request came by; an event stream takes it over by a duplicate, and
  /// `handed_over` is set.
  void answer(const httplib::Request& request,
              httplib::Response& response,
              std::string body,
              int connection,
              bool& handed_over);

private:
  void call(const Route& route, const Call& call, httplib::Response& response);
  void open_stream(const httplib::Request& request,
                   httplib::Response& response,
                   const Call& call,
                   int connection,
                   bool& handed_over);

  const ServerLimits& limits_;
  UseCases& use_cases_;
  EventStreams& streams_;
  std::atomic<std::size_t> waiting_{0};
};

} // namespace ckpt::api
