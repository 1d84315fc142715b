#pragma once

#include "core/domain/generation.hpp"

#include <string>
#include <vector>

// A fork's program goes on with the files that its image names, where they are: what of them
// belongs to the origin, too. Pure.

namespace ckpt {

/// Files that a restart from this generation would cut back, replace, or write on in; sorted, each
/// once. Not the program's output (the fork has its own; `manifest.lengths` is without it), nor
/// what lies below `tmpdir`, which the runner looks after. `globs`: the --ckpt-files, of a program
/// that saves itself.
std::vector<std::string> files_at_risk(const Manifest& manifest,
                                       const std::string& tmpdir,
                                       const std::vector<std::string>& globs);

/// Whether the manifest tells which files the program had open for writing.
bool knows_written_files(const Manifest& manifest);

/// "a, b, c and 4 more"
std::string some_files(const std::vector<std::string>& files);

} // namespace ckpt
