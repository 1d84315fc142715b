#include "protocol_explorer.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <stdexcept>
#include <unordered_set>

namespace ckpt::protocol::model {
namespace {

constexpr std::array kActNames{"main_land",
                               "main_answer",
                               "renewal_land",
                               "renewal_answer",
                               "look_land",
                               "look_answer",
                               "freeze",
                               "main_step",
                               "renew",
                               "look",
                               "work",
                               "notice",
                               "start",
                               "kill",
                               "daemon_step",
                               "daemon_observe",
                               "daemon_start",
                               "tick",
                               "main_hang",
                               "renewal_hang",
                               "look_hang",
                               "checkpoint",
                               "walltime",
                               "crash",
                               "node_crash",
                               "node_returns",
                               "split_requeue",
                               "split_over",
                               "late_requeue",
                               "late_submit",
                               "repeated_requeue",
                               "repeated_submit",
                               "person_cancels",
                               "cancel_asked",
                               "daemon_call_lost",
                               "daemon_crash",
                               "daemon_takeover"};
static_assert(kActNames.size() == static_cast<std::size_t>(Act::kEnd));

std::string name(Action action) {
  return std::string(kActNames.at(static_cast<std::size_t>(action.act))) + "(" +
         std::to_string(action.index) + ")";
}

std::uint64_t hash(const World& world) {
  std::uint64_t h = 0x9e3779b97f4a7c15ULL;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&world);
  for (std::size_t i = 0; i < sizeof world; i += 8) {
    std::uint64_t chunk = 0;
    std::memcpy(&chunk, bytes + i, std::min<std::size_t>(8, sizeof world - i));
    h = (h ^ chunk) * 0xff51afd7ed558ccdULL;
    h ^= h >> 32;
  }
  return h;
}

/// From here on nothing goes wrong: does the job reach its end? Remembers what did.
class Continuation {
public:
  explicit Continuation(const Model& model) : model_(model) {
    for (const Action action : Model::actions()) {
      if (action.act < Act::kFirstFault) {
        actions_.push_back(action);
      }
    }
  }

  /// Empty if it does.
  std::string check(World world, Findings& findings) {
    Model::calm(world);
    std::vector<std::uint64_t> path;
    std::string trace;
    while (!Model::settled(world)) {
      const std::uint64_t h = hash(world);
      if (known_.contains(h)) {
        break;
      }
      path.push_back(h);
      const auto next = std::find_if(actions_.begin(), actions_.end(), [&](Action action) {
        return model_.apply(world, action);
      });
      if (next == actions_.end() || path.size() > 3000) {
        return (path.size() > 3000 ? "the job goes round in circles after: "
                                   : "the job is stuck after: ") +
               trace.substr(trace.size() > 2000 ? trace.size() - 2000 : 0);
      }
      trace += name(*next) + " ";
      if (world.broken) {
        return std::string(kBroken.at(world.broken)) + " after, calmly: " + trace;
      }
      if (world.exhausted) {
        ++findings.exhausted;
        break;
      }
    }
    known_.insert(path.begin(), path.end());
    return {};
  }

private:
  const Model& model_;
  std::vector<Action> actions_;
  std::unordered_set<std::uint64_t> known_;
};

struct Step {
  std::uint32_t parent;
  Action action;
};

std::string story(const std::vector<Step>& steps, std::uint32_t at) {
  std::vector<std::string> names;
  for (; at != 0; at = steps[at].parent) {
    names.push_back(name(steps[at].action));
  }
  std::string out;
  for (auto it = names.rbegin(); it != names.rend(); ++it) {
    out += *it + " ";
  }
  return out;
}

} // namespace

World open_world(const Model& model, const Faults& faults, Opening opening) {
  std::vector<Action> prologue;
  const auto add = [&](Act act, std::uint8_t index, int times = 1) {
    prologue.insert(prologue.end(), static_cast<std::size_t>(times), Action{act, index});
  };
  if (opening != Opening::nothing) {
    add(Act::daemon_start, 0);
    add(Act::daemon_observe, 0);
    add(Act::daemon_step, 0, 3);
    add(Act::start, 0);
    add(Act::main_step, 0); // claim
    add(Act::renew, 0);
    add(Act::main_step, 0, 3); // look, mark, look again: it runs
  }
  if (opening == Opening::sealing) {
    add(Act::work, 0);
    add(Act::checkpoint, 0);
    add(Act::main_step, 0);
    add(Act::main_hang, 0);
  }
  if (opening == Opening::finishing) {
    add(Act::work, 0, kGoal);
    add(Act::main_hang, 0);
  }
  if (opening == Opening::thawing) {
    add(Act::tick, 0, 3);
    add(Act::freeze, 0);
    add(Act::renew, 0);
    add(Act::look_hang, 0);
    add(Act::look_land, 0);
  }
  if (opening >= Opening::split) {
    add(Act::split_requeue, 0);
    add(Act::start, 0);
    add(Act::main_step, 1);
  }
  if (opening == Opening::finishing) {
    add(Act::main_step, 1);
    add(Act::tick, 0, 4);
    add(Act::renew, 1);
    add(Act::main_step, 1);
  }
  if (opening == Opening::answering) {
    add(Act::main_step, 1);
    add(Act::tick, 0, 3);
    add(Act::freeze, 0);
    add(Act::tick, 0);
    add(Act::renew, 1);
    add(Act::main_step, 1, 2);
    add(Act::main_hang, 1);
    add(Act::main_land, 1);
    add(Act::split_requeue, 0);
    add(Act::start, 0);
    add(Act::main_step, 2);
  }
  World world = Model::initial(faults);
  for (const Action action : prologue) {
    if (!model.apply(world, action)) {
      throw std::logic_error("the opening is not possible: " + name(action));
    }
  }
  return world;
}

Findings explore_all(const Model& model, const World& from, std::size_t max_states) {
  Findings findings;
  Continuation continuation(model);
  const auto actions = Model::actions();
  std::vector<Step> steps{{0, {Act::tick, 0}}};
  std::deque<std::pair<World, std::uint32_t>> open{{from, 0}};
  std::unordered_set<std::uint64_t> seen{hash(open.front().first)};
  while (!open.empty() && findings.broken.empty()) {
    const auto [world, at] = open.front();
    open.pop_front();
    ++findings.states;
    findings.settled += Model::settled(world) ? 1 : 0;
    if (const std::string stuck = continuation.check(world, findings); !stuck.empty()) {
      findings.broken = stuck + " — which followed: " + story(steps, at);
      break;
    }
    World next = world;
    for (const Action action : actions) {
      if (!model.apply(next, action)) {
        continue;
      }
      if (next.broken) {
        findings.broken =
            std::string(kBroken.at(next.broken)) + ": " + story(steps, at) + name(action);
        break;
      }
      if (!next.exhausted && seen.size() < max_states && seen.insert(hash(next)).second) {
        steps.push_back({at, action});
        open.emplace_back(next, static_cast<std::uint32_t>(steps.size() - 1));
      }
      next = world;
    }
  }
  return findings;
}

Findings walk_randomly(const Model& model, const World& from, std::size_t walks, unsigned seed) {
  Findings findings;
  Continuation continuation(model);
  const auto actions = Model::actions();
  std::mt19937 random{seed};
  for (std::size_t walk = 0; walk < walks && findings.broken.empty(); ++walk) {
    World world = from;
    std::string trace;
    // Some walks are calmer than others, so that deep states are reached as well as wild ones.
    const unsigned wildness = 2 + random() % 60;
    for (int length = 0; length < 400 && !world.exhausted; ++length) {
      Action action = actions[random() % actions.size()];
      int tries = 0;
      while (((action.act >= Act::kFirstFault && random() % 100 >= wildness) ||
              !model.apply(world, action)) &&
             ++tries < 600) {
        action = actions[random() % actions.size()];
      }
      if (tries == 600) {
        break;
      }
      trace += name(action) + " ";
      ++findings.states;
      if (world.broken) {
        findings.broken = std::string(kBroken.at(world.broken)) + ": " + trace;
        break;
      }
    }
    findings.settled += Model::settled(world) ? 1 : 0;
    if (findings.broken.empty() && !world.exhausted) {
      if (const std::string stuck = continuation.check(world, findings); !stuck.empty()) {
        findings.broken = stuck + " — which followed: " + trace;
      }
    }
  }
  return findings;
}

} // namespace ckpt::protocol::model
