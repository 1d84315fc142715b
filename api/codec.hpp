#pragma once

#include "api/overview.hpp"
#include "core/domain/result.hpp"

#include <nlohmann/json_fwd.hpp>

// The JSON form of views and requests, written and read by the same description of each struct, so
// that the client parses what the server writes. Reading a view ignores fields that it does not
// know (a newer daemon may say more) and fails with `bad_reply` where one is missing or of another
// type; reading a request is strict (`invalid_field`, class usage).

namespace ckpt::api {

nlohmann::json to_json(const GenerationView& view);
nlohmann::json to_json(const AttemptView& view);
nlohmann::json to_json(const JobView& view);
nlohmann::json to_json(const CoordinatorView& view);
nlohmann::json to_json(const ProcessView& view);
nlohmann::json to_json(const EventView& view);
nlohmann::json to_json(const StatsView& view);
nlohmann::json to_json(const StatusView& view);
nlohmann::json to_json(const EventPage& page); ///< {"items": […], "next": "17", "last_seq": 17}
nlohmann::json to_json(const Page<JobView>& page);
nlohmann::json to_json(const ArrayView& view);

/// A list that always comes whole: {"items": […], "next": null}.
template <class View> nlohmann::json list_to_json(const std::vector<View>& items);

/// For every type above (and Page<View> of each view).
template <class View> Result<View> from_json(const nlohmann::json& json);

/// Bodies of POST. The idempotency key travels as a header, `wait` in the query.
nlohmann::json to_json(const SubmitRequest& request);
Result<SubmitRequest> submit_request_from_json(const nlohmann::json& json);
nlohmann::json to_json(const ArrayRequest& request);
Result<ArrayRequest> array_request_from_json(const nlohmann::json& json);
nlohmann::json to_json(const RestartRequest& request);
Result<RestartRequest> restart_request_from_json(const nlohmann::json& json);
nlohmann::json to_json(const ForkRequest& request);
Result<ForkRequest> fork_request_from_json(const nlohmann::json& json);

} // namespace ckpt::api
