// sbatch's options as users write them (words end with a NUL, as in a command line of the
// kernel's), and the command that is made of them.
#include "core/scheduler/slurm/commands.hpp"
#include "core/scheduler/slurm/options.hpp"
#include "tests/fuzz/checks.hpp"

#include <algorithm>

using namespace ckpt;
using namespace ckpt::scheduler;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> words;
  std::string_view text = fuzz::view_of(data, size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  Submission submission;
  submission.args = words;
  submission.name = words.empty() ? "name" : words.front();
  submission.cwd = "/w";
  submission.script = "/s/batch.sh";
  submission.token.value = "token";
  submission.output_path = "/o/" + submission.name;
  const auto command = slurm::sbatch_command(submission);
  if (!command) {
    return 0;
  }
  // Ours stand last, so they win; the script is the last word, and nothing before it can be one: an
  // sbatch that took an earlier word for the script would run that.
  fuzz::require(command->back() == "/s/batch.sh", "the script is the last word");
  fuzz::require(command->size() >= 9 &&
                    *(command->end() - 2) ==
                        "--comment=" + command->at(command->size() - 2).substr(10),
                "our comment is the last option");
  const auto again = slurm::parse_options({command->begin() + 1, command->end() - 1});
  fuzz::require(again.has_value(), "what we hand to sbatch are options that we can read");
  fuzz::require(slurm::last_value(*again, "job-name") == submission.name,
                "our name is what counts");
  fuzz::require(slurm::last_value(*again, "chdir") == "/w", "our folder is what counts");
  fuzz::require(slurm::last_value(*again, "array") == std::nullopt, "no arrays");
  return 0;
}
