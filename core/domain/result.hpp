#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace ckpt {

/// What a caller may do about a failure.
enum class Outcome {
  retryable, ///< nothing happened; the same call may succeed later
  permanent, ///< nothing happened; the same call will fail again
  unknown,   ///< it may have happened (a time-out after sending): look before trying again
};

/// Which kind of failure it is; the client's exit status and the HTTP status follow from it.
enum class ErrorClass {
  failed,    ///< exit 1
  usage,     ///< exit 2: the request itself is wrong
  not_found, ///< exit 3
  conflict,  ///< exit 4: the state does not allow it
  no_daemon, ///< exit 5
  refused,   ///< exit 6: space, quota, policy
  unusable,  ///< exit 7: an engine or the scheduler cannot be used
  timed_out, ///< exit 8
};

/// A failure as a value: what happened, and what a person can do about it.
struct Error {
  ErrorClass cls = ErrorClass::failed;
  Outcome outcome = Outcome::permanent;
  std::string code;    ///< stable word for programs, e.g. "store_full"
  std::string message; ///< what happened and why, one sentence without a final full stop
  std::string advice;  ///< what to do or type next; may be empty
};

template <class T> using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorClass cls,
                                  std::string code,
                                  std::string message,
                                  std::string advice = {},
                                  Outcome outcome = Outcome::permanent) {
  return tl::unexpected<Error>(
      Error{cls, outcome, std::move(code), std::move(message), std::move(advice)});
}

} // namespace ckpt
