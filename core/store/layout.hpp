#pragma once

#include "core/base/files.hpp"
#include "core/domain/ids.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <string>

// Names inside a job folder, and small steps that several files of the store take. Private.

namespace ckpt::store {

inline Path attempts_dir(const Path& job) {
  return job / "attempts";
}
inline Path generations_dir(const Path& job) {
  return job / "generations";
}
inline Path submissions_dir(const Path& job) {
  return job / "submissions";
}
inline Path creator_file(const Path& job) {
  return job / "creator";
}
inline Path claim_file(const Path& job, AttemptId attempt) {
  return attempts_dir(job) / (attempt.str() + ".claim");
}
/// Likewise beside the claims: the folder of an attempt that died while claiming may not be there.
inline Path fate_file(const Path& job, AttemptId attempt) {
  return attempts_dir(job) / (attempt.str() + ".fate");
}
/// Beside the claims, not in submissions/: the claim has just changed this folder, so an NFS client
/// must ask the server again and cannot answer from a cached "no such file".
inline Path revoked_file(const Path& job, const SubmissionToken& token) {
  return attempts_dir(job) / (token.value + ".revoked");
}

/// The error with where it was met put in front, and of class failed: a stored file that cannot be
/// read is nobody's wrong request.
inline Error in_file(Error error, const Path& file) {
  if (error.cls == ErrorClass::usage) {
    error.cls = ErrorClass::failed;
    error.code = "damaged_file";
  }
  error.message = file.string() + ": " + error.message;
  return error;
}

/// Reads a JSON file with one of the strict readers.
template <class Value, class Read>
Result<Value> read_json_file(const Path& file, const Read& read) {
  const auto text = read_file(file);
  if (!text) {
    return tl::unexpected(text.error());
  }
  const auto json = parse_json(*text);
  if (!json) {
    return tl::unexpected(in_file(json.error(), file));
  }
  Result<Value> value = read(*json);
  if (!value) {
    return tl::unexpected(in_file(value.error(), file));
  }
  return value;
}

/// Every status in turn until one fails.
template <class First, class... Rest> Status in_turn(const First& first, const Rest&... rest) {
  const Status status = first();
  if constexpr (sizeof...(rest) > 0) {
    return status ? in_turn(rest...) : status;
  } else {
    return status;
  }
}

/// What errno says of a name: there, not there, or an error.
Result<bool> is_there(const Path& path);

/// `invalid_token` for what is not safe as a file name.
Status check_token(const SubmissionToken& token);

} // namespace ckpt::store
