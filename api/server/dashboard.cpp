#include "api/server/dashboard.hpp"

#include "api/server/query.hpp"

namespace ckpt::api {

Result<Reply> handle_dashboard(UseCases& /*use_cases*/, const Call& call) {
  if (auto fine = Query(call).finish(); !fine) {
    return tl::unexpected(fine.error());
  }
  const DashboardPage page = dashboard_page();
  Reply reply{.content_type = "text/html; charset=utf-8", .body = std::string(page.html)};
  // Nothing but its own script and style, which speak to this daemon alone; no page may frame it.
  reply.headers.emplace("Content-Security-Policy",
                        "default-src 'none'; script-src " + std::string(page.script_source) +
                            "; style-src " + std::string(page.style_source) +
                            "; img-src data:; connect-src 'self'; base-uri 'none'; "
                            "form-action 'none'; frame-ancestors 'none'");
  reply.headers.emplace("Referrer-Policy", "no-referrer");
  reply.headers.emplace("Cross-Origin-Opener-Policy", "same-origin");
  return reply;
}

} // namespace ckpt::api
