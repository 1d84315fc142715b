#pragma once

#include "client/commands/commands.hpp"
#include "client/session.hpp"

#include <string>

namespace ckpt::client {

/// A verb that asks one thing of each selected job and does not wait: `hold`, `release`, `requeue`.
struct ActingVerb {
  std::string name;
  std::string help;
  std::string done; ///< what the message says of a job afterwards
  Result<api::JobView> (ApiClient::*ask)(const std::string& selector);
};
void add_acting_verb(Cli& cli, const ActingVerb& what);

} // namespace ckpt::client
