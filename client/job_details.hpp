#pragma once

#include "client/api_client.hpp"
#include "client/output.hpp"

namespace ckpt::client {

/// A job with its attempts and generations.
Result<JobDetails> details_of(ApiClient& client, const std::string& selector);

/// The last few lines that the program said (on standard error, where that is apart). Empty where
/// there are none.
std::vector<std::string> last_lines_of(ApiClient& client, const api::JobView& job);

} // namespace ckpt::client
