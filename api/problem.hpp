#pragma once

#include "core/domain/result.hpp"

#include <string>
#include <string_view>

// Errors on the wire: application/problem+json (RFC 9457), and what a kind of error means for HTTP
// and for the client's exit status.

namespace ckpt::api {

inline constexpr std::string_view kProblemType = "application/problem+json";

int http_status(ErrorClass cls);
int exit_status(ErrorClass cls);

/// {"type", "title", "status", "detail", "code", "advice", "class", "outcome"}. `status` 0: that of
/// the error's class.
std::string problem_body(const Error& error, int status = 0);

/// The error that a body of ours tells; for another body one with the HTTP status in words
/// (`unexpected_reply`).
Error error_from_problem(int status, std::string_view body);

} // namespace ckpt::api
