#include "client/commands/commands.hpp"
#include "client/session.hpp"

#include <algorithm>

namespace ckpt::client {
namespace {

constexpr std::size_t kFewNodes = 50;

bool ours(const api::NodeView& node) {
  return node.attempts_count > 0 || !node.jobs.empty() || node.refusals_count > 0;
}

} // namespace

void add_nodes(Cli& cli) {
  auto all = std::make_shared<bool>(false);
  Verb verb = cli.verb("nodes", "Nodes, as the scheduler and your jobs have seen them");
  verb.flag("--all", *all, "Also those that none of your jobs has used, on a large cluster");
  verb.runs([all](Session& session) {
    const auto daemon = session.daemon();
    if (!daemon) {
      return session.fail(daemon.error());
    }
    auto nodes = (*daemon)->nodes();
    if (!nodes) {
      return session.fail(nodes.error());
    }
    const std::size_t known = nodes->size();
    if (!*all && known > kFewNodes) {
      std::erase_if(*nodes, [](const api::NodeView& node) { return !ours(node); });
    }
    session.out().nodes(*nodes);
    if (nodes->size() < known) {
      session.say(std::to_string(known - nodes->size()) +
                  " more that none of your jobs has used: `ckpt nodes --all`");
    }
    if (std::any_of(nodes->begin(), nodes->end(), [](const api::NodeView& node) {
          return node.refusals_count > 0;
        })) {
      session.say(
          "`ckpt events JOB` tells what a node lacked; `ckpt restart JOB -x NODE` leaves it out");
    }
    return 0;
  });
}

} // namespace ckpt::client
