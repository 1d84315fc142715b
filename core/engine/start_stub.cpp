#include "core/engine/start_stub.hpp"

#include "core/base/process.hpp"
#include "core/base/strings.hpp"

namespace ckpt::engine {

Result<pid_t> start_stub(const std::string& runner,
                         const StubPlan& plan,
                         const Path& plan_file,
                         const Path& log,
                         std::optional<int> pass_fd) {
  if (auto written = write_file_atomically(plan_file, encode_stub_plan(plan)); !written) {
    return tl::unexpected(written.error());
  }
  SpawnOptions options;
  options.argv = {runner.empty() ? "/proc/self/exe" : runner, "--stub", plan_file.string()};
  options.env = plan.env;
  options.stdout_path = log.string();
  options.pass_fd = pass_fd;
  options.new_session = plan.new_session; // else it would lead a process group, and setsid fail
  return spawn(options);
}

std::optional<std::string> stub_failure(const Path& plan_file) {
  const auto text = read_file(plan_file.string() + ".failed", 4096);
  return text ? std::optional(std::string(trim(*text))) : std::nullopt;
}

} // namespace ckpt::engine
