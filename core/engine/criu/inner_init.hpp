#pragma once

#include <string>
#include <utility>
#include <vector>

// Pid 1 of the namespace around a program under CRIU.

namespace ckpt::engine::criu {

constexpr int kTrouble = 125; ///< exit status when it was not the program that ended

struct InitPlan {
  int control = -1;
  bool restore = false;
  std::string criu;
  std::string work_dir;
  std::string target; ///< plan file of the stub, or the folder of images
  std::vector<std::pair<std::string, std::string>> replaced; ///< path in the images, path now
  bool user_namespace = false;
};

/// Starts or restores the program, serves the runner, reaps; at the program's end writes its raw
/// wait status to `status_fd`. Does not return.
[[noreturn]] void run_inner_init(const InitPlan& plan, int status_fd);

/// Tells the runner why nothing could be started.
void tell_failure(int control,
                  const std::string& code,
                  const std::string& text,
                  const std::string& advice);

} // namespace ckpt::engine::criu
