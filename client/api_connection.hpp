#pragma once

#include "api/problem.hpp"
#include "client/api_client.hpp"

#include <httplib.h>

#include <functional>

// The connection behind ApiClient. For its .cpp files only.

namespace ckpt::client {

struct ApiClient::Impl {
  api::Endpoint endpoint;
  std::unique_ptr<httplib::Client> http;
  bool over_tcp = false;

  explicit Impl(api::Endpoint where);
  void set_times();
  void use_socket();
  /// The socket's folder may have been deleted at a logout while the daemon lives on.
  bool use_tcp();
  Error unreachable() const;

  using Send = std::function<httplib::Result()>;
  Result<httplib::Response> exchange(const Send& send);
  Result<httplib::Response> get(const std::string& path);
  /// With an idempotency key of its own where none is given.
  Result<httplib::Response>
  post(const std::string& path, const std::string& body, const std::string& key = {});
  Result<httplib::Response> patch(const std::string& path, const std::string& body);
  Result<httplib::Response> remove(const std::string& path);
};

} // namespace ckpt::client
