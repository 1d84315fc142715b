#pragma once

#include "core/domain/result.hpp"
#include "core/store/fate.hpp"
#include "core/store/records.hpp"

#include <nlohmann/json_fwd.hpp>

// The JSON form of what records.hpp holds. Optional fields that are not set are not written. The
// number of an event stands in its line's frame, not in its JSON.

namespace ckpt::store {

nlohmann::json to_json(const AttemptEvent& event);
nlohmann::json to_json(const JobEvent& event);
nlohmann::json to_json(const Claim& claim);
nlohmann::json to_json(const Lease& lease);
nlohmann::json to_json(const Order& order);
nlohmann::json to_json(const Fate& fate);

Result<AttemptEvent> attempt_event_from_json(const nlohmann::json& json);
Result<JobEvent> job_event_from_json(const nlohmann::json& json);
Result<Claim> claim_from_json(const nlohmann::json& json);
Result<Lease> lease_from_json(const nlohmann::json& json);
Result<Order> order_from_json(const nlohmann::json& json);
Result<Fate> fate_from_json(const nlohmann::json& json);

} // namespace ckpt::store
