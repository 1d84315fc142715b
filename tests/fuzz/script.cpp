// A batch script as anybody may write it: its #SBATCH lines, its commands, and what is said of
// them.
#include "core/script/inspect.hpp"
#include "core/script/interpreter.hpp"
#include "core/script/shell.hpp"
#include "core/script/srun_options.hpp"
#include "tests/fuzz/checks.hpp"

#include <algorithm>

using namespace ckpt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::view_of(data, size));
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  (void)script::interpreter_of(text);
  const auto read = script::read_directives(text, "s");
  script::Subject subject{text, "s", {}, {}, {}};
  if (read) {
    subject.options = read->options;
    subject.het_lines = read->het_lines;
    subject.pbs_lines = read->pbs_lines;
    for (const script::Given& given : read->options) {
      fuzz::require(given.line >= 1 && given.line <= lines, "an option stands in a line");
    }
  } else {
    fuzz::require(read.error().code == "bad_script", "a script is bad, nothing else");
  }
  for (const script::ShellCommand& command : script::read_commands(text)) {
    fuzz::require(command.line >= 1 && command.line <= lines, "a command stands in a line");
    fuzz::require(!command.words.empty(), "a command has words");
    std::vector<std::string> words;
    for (const script::ShellWord& word : command.words) {
      fuzz::require(!word.raw.empty(), "a word is written");
      words.push_back(word.text);
    }
    fuzz::require(script::without_wrappers(command.words).size() <= words.size(),
                  "nothing is added");
    if (const auto call = script::parse_srun(words)) {
      fuzz::require(call->command <= words.size(), "the program is one of the words");
      (void)script::tasks_of(*call, {});
    }
  }
  for (const script::Finding& finding : script::inspect(subject)) {
    fuzz::require(!finding.where.empty() && !finding.message.empty(), "a finding says where");
  }
  return 0;
}
