// A fresh pair of namespaces for every launch and restart, so that the pids of the images are free.

#include "core/engine/criu/criu_engine.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"
#include "core/engine/criu/criu_session.hpp"
#include "core/engine/criu/open_files.hpp"
#include "core/engine/stub.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <mutex>

namespace ckpt::engine {
namespace {

using namespace criu;

constexpr int kFirstUnprivilegedMajor = 4;
constexpr const char* kNotes = "files.txt";

std::string own_executable() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::string find_criu(const EngineConfig& config) {
  if (!config.criu.empty()) {
    return ::access(config.criu.c_str(), X_OK) == 0 ? config.criu : std::string{};
  }
  std::vector<std::string> folders = split(config.folders(), ':');
  folders.insert(folders.end(), {"/usr/local/sbin", "/usr/sbin"}); // not in a user's PATH
  for (const std::string& folder : folders) {
    const std::string candidate = folder + "/criu";
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

StubPlan stub_plan(const LaunchRequest& request) {
  StubPlan plan;
  plan.argv = request.program.argv;
  plan.env = request.program.env;
  plan.cwd = request.program.cwd;
  plan.umask = request.umask;
  plan.stdout_path = request.stdout_path;
  plan.stderr_path = request.stderr_path;
  plan.ignore_term = request.shield_term;
  return plan;
}

// What the images name as the program's output, and where it goes this time (another job's with a
// fork).
std::vector<std::string> replaced_outputs(const DumpNotes& notes, const LaunchRequest& request) {
  std::vector<std::string> words;
  if (notes.stdout_path != request.stdout_path) {
    words.insert(words.end(), {notes.stdout_path, request.stdout_path});
  }
  if (notes.stderr_path != request.stderr_path && notes.stderr_path != notes.stdout_path) {
    words.insert(words.end(), {notes.stderr_path, request.stderr_path});
  }
  return words;
}

class CriuEngine final : public Engine {
public:
  explicit CriuEngine(const EngineConfig& config)
      : configured_(config.criu), criu_(find_criu(config)),
        runner_(config.runner.empty() ? own_executable() : config.runner) {}

  EngineKind kind() const override { return EngineKind::criu; }
  bool can_shield_term() const override { return true; }

  Result<EngineVersion> version() override {
    if (!version_) {
      version_ = find_version();
    }
    return *version_;
  }

  Suitability suits(const ProgramInfo& program) override {
    const auto usable = version();
    if (!usable) {
      return {.usable = false, .reason = usable.error().message};
    }
    if (!program.argv.empty()) {
      const auto facts = inspect_executable(program.argv.front(), program.env, program.cwd);
      if (facts && facts->setuid && ::geteuid() != 0) {
        return {.usable = false,
                .reason = facts->resolved +
                          " changes its user (setuid), which a user namespace does not allow"};
      }
    }
    if (auto bad = trial()) {
      return {.usable = false, .reason = *bad};
    }
    return {.usable = true,
            .reason = ::geteuid() == 0 ? "CRIU " + usable->version
                                       : "CRIU " + usable->version + " in a user namespace"};
  }

  Result<std::unique_ptr<Session>> launch(const LaunchRequest& request) override {
    auto started = launch_criu(request);
    if (!started) {
      return tl::unexpected(started.error());
    }
    return std::unique_ptr<Session>(std::move(*started));
  }

  Result<std::unique_ptr<Session>> restart(const RestartRequest& request) override {
    auto restored = restore(request);
    if (!restored) {
      return tl::unexpected(restored.error());
    }
    return std::unique_ptr<Session>(std::move(*restored));
  }

private:
  Result<EngineVersion> find_version() const {
    if (criu_.empty()) {
      return fail(ErrorClass::unusable,
                  "engine_missing",
                  configured_.empty() ? "criu is not on PATH"
                                      : "there is no executable " + configured_,
                  "install CRIU 4.0 or newer, or name it with CKPT_CRIU");
    }
    const auto ran =
        run_command({.argv = {criu_, "--version"}, .env = {}, .cwd = {}, .stdin_data = {}});
    const auto found = ran ? parse_version(ran->out + "\n" + ran->err) : std::nullopt;
    if (!found) {
      return fail(ErrorClass::unusable,
                  "engine_unusable",
                  criu_ + " does not run: " +
                      (ran ? ran->status.describe() + " " + std::string(trim(ran->err))
                           : ran.error().message));
    }
    if (::geteuid() != 0 && !at_least_major(*found, kFirstUnprivilegedMajor)) {
      return fail(ErrorClass::unusable,
                  "engine_unusable",
                  "CRIU " + *found + " works for root only; an ordinary user needs 4.0 or newer",
                  "name a newer one with CKPT_CRIU");
    }
    return EngineVersion{EngineKind::criu, *found};
  }

  SessionPlan session_plan(const LaunchRequest& request) const {
    return {.criu = criu_,
            .runner = runner_,
            .work_dir = request.work_dir,
            .images_dir = request.images_dir,
            .stdout_path = request.stdout_path,
            .stderr_path = request.stderr_path};
  }

  Result<std::unique_ptr<CriuSession>> launch_criu(const LaunchRequest& request) const {
    const ProgramInfo& program = request.program;
    if (const auto facts = inspect_executable(program.argv.front(), program.env, program.cwd);
        !facts) {
      return tl::unexpected(facts.error());
    }
    const Path plan_file = request.work_dir / "program.plan";
    if (auto written = write_file_atomically(plan_file, encode_stub_plan(stub_plan(request)));
        !written) {
      return fail(ErrorClass::failed, "launch_failed", written.error().message);
    }
    auto session =
        CriuSession::start(session_plan(request), program.env, "launch", {plan_file.string()});
    if (!session) {
      return fail(ErrorClass::failed, "launch_failed", session.error().message);
    }
    if (auto started = (*session)->await_start(request, std::nullopt); !started) {
      (*session)->abandon();
      if (started.error().code == "engine_dead") {
        return fail(ErrorClass::failed,
                    "launch_failed",
                    "CRIU's namespace init ended",
                    "see " + (request.work_dir / "ns-init.log").string());
      }
      return tl::unexpected(started.error());
    }
    return session;
  }

  Result<std::unique_ptr<CriuSession>> restore(const RestartRequest& request) const {
    const Path folder = request.images.empty() ? Path{} : request.images.front().parent_path();
    const auto text = read_file(folder / kNotes);
    const auto notes = text ? decode_notes(*text) : Result<DumpNotes>(tl::unexpected(text.error()));
    if (!notes) {
      return fail(ErrorClass::failed, "restart_failed", notes.error().message);
    }
    if (auto cut = roll_back(notes->files); !cut) {
      return fail(ErrorClass::failed,
                  "restart_failed",
                  "cannot cut a file of the program back: " + cut.error().message,
                  cut.error().advice);
    }
    std::vector<std::string> target = {folder.string()};
    const auto replaced = replaced_outputs(*notes, request.launch);
    target.insert(target.end(), replaced.begin(), replaced.end());
    auto session = CriuSession::start(
        session_plan(request.launch), request.launch.program.env, "restore", target);
    if (!session) {
      return fail(ErrorClass::failed, "restart_failed", session.error().message);
    }
    auto started = (*session)->await_start(request.launch, request.stall_timeout);
    if (!started) {
      (*session)->abandon();
      return tl::unexpected(explain(started.error(), request.launch.work_dir / "restore.log"));
    }
    (*session)->wake_stopped();
    return session;
  }

  static Error explain(Error error, const Path& log) {
    if (error.code == "restart_failed" || error.code == "engine_dead") {
      const auto text = read_file(log);
      const std::string errors = text ? first_errors(*text) : std::string{};
      error.message = (error.code == "engine_dead" ? "CRIU's namespace init ended"
                                                   : "criu restore ended with " + error.message) +
                      (errors.empty() ? "" : ": " + errors);
      error.code = "restart_failed";
    }
    if (error.advice.empty()) {
      error.advice = "see " + log.string();
    }
    return error;
  }

  /// Launch, dump and restore of a `sleep`: neither `criu check` (it fails in a user namespace for
  /// want of a network namespace, and passes on kernels where a dump fails) nor a look at settings
  /// tells as much. Nothing, or why it does not work. Once a process.
  std::optional<std::string> trial() const {
    static std::mutex mutex;
    static std::map<std::string, std::optional<std::string>> known;
    const std::scoped_lock lock(mutex);
    const auto found = known.find(criu_);
    return found != known.end() ? found->second : known[criu_] = run_trial();
  }

  std::optional<std::string> run_trial() const {
    std::error_code error;
    const Path folder =
        std::filesystem::temp_directory_path(error) / ("ckpt-trial-" + random_hex(8));
    for (const char* name : {"", "images", "work", "work2"}) {
      if (auto made = make_directories(folder / name); !made) {
        return "cannot try CRIU out: " + made.error().message;
      }
    }
    auto outcome = round_trip(folder);
    if (!outcome) { // the log's own words are in the message; the files are gone with the folder
      static_cast<void>(remove_tree(folder));
      return "a trial with CRIU failed here: " + outcome.error().message;
    }
    static_cast<void>(remove_tree(folder));
    return std::nullopt;
  }

  Status round_trip(const Path& folder) const {
    LaunchRequest request;
    request.program.argv = {"/bin/sleep", "600"};
    request.program.env = {{"PATH", "/usr/bin:/bin"}};
    request.program.cwd = "/";
    request.work_dir = folder / "work";
    request.images_dir = folder / "images";
    request.stdout_path = request.stderr_path = (folder / "output").string();
    request.timeout = seconds{20};
    auto session = launch_criu(request);
    if (!session) {
      return tl::unexpected(session.error());
    }
    const auto images = (*session)->checkpoint(
        {.timeout = seconds{20}, .stall_timeout = seconds{10}, .while_frozen = {}});
    (*session)->abandon();
    if (!images) {
      return tl::unexpected(images.error());
    }
    request.work_dir = folder / "work2";
    auto again =
        restore({.launch = request, .images = images->images, .stall_timeout = seconds{10}});
    if (!again) {
      return tl::unexpected(again.error());
    }
    (*again)->abandon();
    return {};
  }

  std::string configured_;
  std::string criu_;
  std::string runner_;
  std::optional<Result<EngineVersion>> version_;
};

} // namespace

std::unique_ptr<Engine> make_criu_engine(const EngineConfig& config) {
  return std::make_unique<CriuEngine>(config);
}

} // namespace ckpt::engine
