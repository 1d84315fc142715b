#include "client/elsewhere.hpp"

#include "client/daemon_control.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {

std::string
known_elsewhere(Session& session, const std::string& selector, const std::string& verb) {
  constexpr seconds kPatience{2};
  std::string text;
  for (const api::Paths& place : session.other_places()) {
    auto client = connect_to_daemon(place, kPatience);
    if (client && client->job(selector)) {
      text += text.empty() ? "" : "; ";
      text += "the cluster " + place.cluster + " has one: `ckpt --cluster " + place.cluster + " " +
              verb + " " + shell_quote(selector) + "`";
    }
  }
  return text;
}

} // namespace ckpt::client
