#pragma once

#include <string>
#include <string_view>
#include <vector>

// Which commands a shell script holds, without running it: enough of the shell's grammar to tell a
// command from a comment, a string and the text of a here-document. Pure. What a variable holds it
// cannot know: such words are kept as they are written and marked.

namespace ckpt::script {

struct ShellWord {
  std::string text;    ///< quotes and backslashes taken away
  std::string raw;     ///< as it is written
  bool literal = true; ///< false: it has a variable, a substitution or a pattern in it
};

struct ShellCommand {
  int line = 0;                 ///< where its first word stands, from 1
  std::vector<ShellWord> words; ///< assignments before it, redirections and reserved words left out
  bool background = false;      ///< an `&` behind it
};

/// Every simple command, those in functions, substitutions and subshells too, in the order in which
/// they end.
std::vector<ShellCommand> read_commands(std::string_view script);

/// The words behind what only runs another command: `exec`, `time`, `nohup`, `env A=1`, `nice -n
/// 5`, `timeout 60`, `command`, `stdbuf -oL`. Never longer than what was given.
std::vector<ShellWord> without_wrappers(const std::vector<ShellWord>& words);

} // namespace ckpt::script
