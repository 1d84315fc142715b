#pragma once

#include "core/domain/generation.hpp"

#include <nlohmann/json_fwd.hpp>

// The JSON form of the domain's values, the same in the store's files and in the API. Reading is
// strict: an unknown field, a missing required one, an unknown word or a wrong type is an error
// that names it (`invalid_field`, class usage). Durations are `*_seconds` (numbers, fractions
// allowed), sizes `*_bytes`, times RFC 3339 UTC. Bad UTF-8 is written with replacement characters,
// except argv, env, cwd and paths, where bytes that are no UTF-8 are kept exactly as {"base64":
// "…"}.

namespace ckpt {

nlohmann::json to_json(const Policy& policy);
Result<Policy> policy_from_json(const nlohmann::json& json); ///< absent fields: the defaults
/// The policy with the fields of `patch` replaced; `revision` cannot be patched.
Result<Policy> patch_policy(const Policy& policy, const nlohmann::json& patch);

nlohmann::json to_json(const JobSpec& spec);
Result<JobSpec> job_spec_from_json(const nlohmann::json& json);

nlohmann::json to_json(const Manifest& manifest);
Result<Manifest> manifest_from_json(const nlohmann::json& json);

/// Text to JSON without exceptions; duplicate keys and trailing bytes are errors (`invalid_json`,
/// class usage).
Result<nlohmann::json> parse_json(std::string_view text);
/// Compact, never throws.
std::string dump_json(const nlohmann::json& json);
std::string dump_json_pretty(const nlohmann::json& json);

} // namespace ckpt
