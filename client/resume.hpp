#pragma once

#include "client/api_client.hpp"

#include <optional>
#include <string>

namespace ckpt::client {

/// What `ckpt submit --resume` finds under a name.
enum class Resumption {
  submit,    ///< nothing: a new job
  goes_on,   ///< it is on its way: nothing to do
  restart,   ///< parked, or failed with something to go on from
  done,      ///< completed
  cancelled, ///< by a person or an administrator: stays so
};

/// `job`: the unfinished one of that name, or the newest that is over. Pure.
Resumption resumption_of(const std::optional<api::JobView>& job);

/// The job of exactly that name, or nothing.
Result<std::optional<api::JobView>> job_named(ApiClient& client, const std::string& name);

} // namespace ckpt::client
