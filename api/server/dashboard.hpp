#pragma once

#include "api/server/routes.hpp"

#include <string_view>

namespace ckpt::api {

/// The page as it was built (client/dashboard), and what its Content-Security-Policy has to allow.
struct DashboardPage {
  std::string_view html;
  std::string_view script_source; ///< 'sha256-…' of its one script, or 'none'
  std::string_view style_source;
};
DashboardPage dashboard_page();

/// `GET /`. Needs no token: the page holds no data, and asks for all of it with the token that the
/// address brought in its fragment.
Result<Reply> handle_dashboard(UseCases& use_cases, const Call& call);

} // namespace ckpt::api
