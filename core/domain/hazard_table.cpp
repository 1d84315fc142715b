// The table hazard × engine: what each engine makes of it. The app engine's program starts anew and
// opens everything again: nothing here matters to it.
#include "core/domain/hazards.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ckpt {
namespace {

/// What an engine makes of a hazard: nothing to tell if `effect` is empty.
struct Answer {
  std::string_view effect;
  std::string_view advice;
};

struct Rule {
  HazardKind kind;
  std::string_view what; ///< begins the text; the details follow
  Answer dmtcp;
  Answer criu;
  /// A restart from an image that held it shows that it can be carried.
  bool proved_by_restart = false;
  /// CRIU's answer does not hold for root.
  bool criu_as_root = false;
};

constexpr std::string_view kAppAdvice =
    "if the program can save itself, use --engine app; else let it work without";
constexpr Answer kNotCarried{"is lost at a restart", kAppAdvice};
constexpr Answer kRefused{"makes every checkpoint fail", kAppAdvice};

constexpr std::array kRules{
    Rule{HazardKind::outside_sockets,
         "connected to other hosts",
         {"after a restart the connection is dead, and the program has to notice that and connect "
          "again",
          "make the program close it while it computes (licences: check in, or --engine app)"},
         {"CRIU cannot save it as an ordinary user: every checkpoint fails while it is open",
          "use --engine dmtcp, or make the program close it while it computes"}},
    Rule{HazardKind::node_sockets,
         "connected to processes of this node that are not the program's own",
         {"they do not go along: a checkpoint may hang at a Unix socket, and after a restart the "
          "connection "
          "is dead",
          "start them from within the job, or make the program connect again"},
         {"CRIU cannot save it: every checkpoint fails while it is open",
          "start them from within the job, or use --engine dmtcp"}},
    Rule{HazardKind::gpu, "uses a GPU", kNotCarried, kRefused},
    Rule{HazardKind::rdma, "uses an RDMA device", kNotCarried, kRefused},
    Rule{HazardKind::devices, "has device files open", kNotCarried, kRefused, true},
    Rule{HazardKind::sysv_shm,
         "uses System V shared memory",
         {},
         {"CRIU cannot save it as an ordinary user: every checkpoint fails", "use --engine dmtcp"},
         true,
         true},
    Rule{HazardKind::io_uring,
         "uses io_uring",
         {"DMTCP does not know it: requests are lost, and the program hangs or fails after a "
          "restart",
          "tell the program or its library not to use io_uring"},
         {"CRIU cannot save it: every checkpoint fails",
          "tell the program or its library not to use io_uring"}},
    Rule{HazardKind::inotify,
         "watches files (inotify)",
         {},
         {"CRIU cannot save it as an ordinary user: every checkpoint fails",
          "tell the program or its library to poll instead"},
         true,
         true},
    Rule{HazardKind::kernel_objects,
         "has kernel objects open",
         {"DMTCP does not restore them", kAppAdvice},
         {"CRIU may refuse them: look whether the first checkpoint is sealed", kAppAdvice},
         true},
    Rule{HazardKind::terminal,
         "has a terminal open",
         {"it may be another one, or none, after a restart",
          "redirect the program's input and output"},
         {"CRIU cannot save a terminal from outside the job",
          "redirect the program's input and output"},
         true},
    Rule{HazardKind::local_files,
         "has files open that are on this node only",
         {"they are missing when the job goes on elsewhere", "use --local-files save"},
         {"they are missing when the job goes on elsewhere", "use --local-files save"}},
    Rule{HazardKind::uncovered_files,
         "changes files in place",
         {"a restart finds their newest content, not that of the checkpoint",
          "name them with --ckpt-files"},
         {"a restart finds their newest content, not that of the checkpoint",
          "name them with --ckpt-files"}},
    Rule{HazardKind::deleted_files,
         "has files open that are deleted",
         {},
         {"CRIU carries them only up to 1 MiB: above that every checkpoint fails",
          "use --engine dmtcp"},
         true},
    Rule{
        HazardKind::deleted_mappings,
        "shares memory through files that are deleted",
        {},
        {"CRIU cannot save them as an ordinary user: every checkpoint fails", "use --engine dmtcp"},
        true,
        true},
    Rule{HazardKind::memory_files,
         "has memory files (memfd)",
         {"DMTCP cannot carry them: no restart succeeds", "use --engine criu"},
         {}},
    Rule{HazardKind::unreachable_files,
         "has files open that this user could not open again",
         {"a restart ends at them", "give the user access to them, or close them early"},
         {"a restart ends at them", "give the user access to them, or close them early"},
         true},
    Rule{HazardKind::tmpdir_files,
         "keeps much in $TMPDIR",
         {"what is not open at a checkpoint is not saved and is missing on another node",
          "keep it in the job's own folder"},
         {"what is not open at a checkpoint is not saved and is missing on another node",
          "keep it in the job's own folder"}},
    Rule{HazardKind::static_binary,
         "runs statically linked programs",
         {"DMTCP cannot be loaded into them: they are missing after a restart",
          "use --engine criu, or link them dynamically"},
         {}},
    Rule{HazardKind::setuid_binary,
         "runs programs that change their user",
         {"DMTCP cannot be loaded into them: they are missing after a restart",
          "run them before or after the job"},
         {"CRIU cannot save another user's process: every checkpoint fails",
          "run them before or after the job"}},
    Rule{HazardKind::outside_engine,
         "runs processes without DMTCP in them (their environment was cleared)",
         {"they are missing after a restart",
          "start them with LD_PRELOAD and DMTCP's variables left alone, or use --engine criu"},
         {}},
};

constexpr bool covers_all() {
  for (std::size_t i = 0; i < Words<HazardKind>::kAll.size(); ++i) {
    if (kRules.size() != Words<HazardKind>::kAll.size() ||
        kRules[i].kind != Words<HazardKind>::kAll[i]) {
      return false;
    }
  }
  return true;
}
static_assert(covers_all());

const Answer* answer_of(const Rule& rule, EngineKind engine) {
  switch (engine) {
  case EngineKind::dmtcp:
  case EngineKind::mana:
    return &rule.dmtcp;
  case EngineKind::criu:
    return &rule.criu;
  case EngineKind::app:
    break;
  }
  return nullptr;
}

// Some are enough to find the place; all of them would fill the screen.
std::string some_of(const std::set<std::string>& details) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& detail : details) {
    if (++shown > kShown) {
      break;
    }
    text += (text.empty() ? "" : ", ") + detail;
  }
  return details.size() > kShown
             ? text + " and " + std::to_string(details.size() - kShown) + " more"
             : text;
}

} // namespace

std::vector<Warning> warnings_of(const std::vector<Hazard>& hazards, const Surroundings& around) {
  std::vector<Warning> warnings;
  for (const Rule& rule : kRules) {
    const Answer* answer = answer_of(rule, around.engine);
    if (answer == nullptr || answer->effect.empty() ||
        (around.restarted && rule.proved_by_restart) ||
        (around.privileged && around.engine == EngineKind::criu && rule.criu_as_root)) {
      continue;
    }
    std::set<std::string> details;
    for (const Hazard& hazard : hazards) {
      if (hazard.kind == rule.kind) {
        details.insert(hazard.detail);
      }
    }
    if (!details.empty()) {
      warnings.push_back({std::string(word(rule.kind)),
                          "the program " + std::string(rule.what) + ": " + some_of(details) + "; " +
                              std::string(answer->effect),
                          std::string(answer->advice)});
    }
  }
  return warnings;
}

} // namespace ckpt
