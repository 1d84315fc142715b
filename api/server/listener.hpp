#pragma once

#include "api/server/server.hpp"

#include <memory>

namespace ckpt::api {

/// One listening address, its threads and its limits. start() and stop() from one thread.
class Listener {
public:
  struct Config {
    Path socket_path;  ///< AF_UNIX when not empty, else TCP on 127.0.0.1
    int port = 0;      ///< 0: the kernel's choice
    std::string token; ///< empty: none is asked for
    ServerLimits limits;
    ServerCounts* counts; ///< not nullptr; outlives the listener
  };

  Listener(Config config, UseCases& use_cases);
  ~Listener(); ///< stops
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  Status start();
  void stop();
  int port() const; ///< of TCP, once started

private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace ckpt::api
