#pragma once

#include "client/commands/commands.hpp"
#include "client/session.hpp"

#include <string>

namespace ckpt::client {

/// A verb that ends what runs of the selected jobs, and returns when they are settled unless
/// --no-wait is given: `cancel` and `stop`.
struct EndingVerb {
  std::string name;
  std::string help;
  std::string done; ///< what the message says of a job afterwards
  JobState aim;     ///< in which it is then
  Result<api::JobView> (ApiClient::*ask)(const std::string& selector, Duration wait);
};
void add_ending_verb(Cli& cli, const EndingVerb& what);

} // namespace ckpt::client
