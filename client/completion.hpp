#pragma once

#include "client/cli.hpp"

#include <string>
#include <vector>

// Completion in the shell: the shells' functions ask `ckpt __complete WORD…`, and this answers.

namespace ckpt::client {

struct Completion {
  std::vector<std::string> words; ///< candidates that begin with what stands there
  bool jobs = false;              ///< ids and names of jobs may stand there too
  bool over = false;              ///< only of those that are over
  std::string generations_of;     ///< a job, and its generations may stand there; or empty
  bool files = false;             ///< and files
};

/// `words`: those behind `ckpt`, the last one as far as it is typed (maybe empty). Pure.
Completion complete(const std::vector<VerbDescription>& verbs,
                    const std::vector<std::string>& words);

/// What the shell reads at its start; empty for one that is not known.
std::string completion_script(const std::string& shell);

/// Answers `ckpt __complete WORD…` on standard output. Starts no daemon, and says nothing else.
int complete_for_shell(const Cli& cli, Session& session, const std::vector<std::string>& words);

} // namespace ckpt::client
