#pragma once

#include "core/domain/generation.hpp"
#include "core/domain/hazards.hpp"
#include "core/store/job_folder.hpp"

#include <optional>
#include <string>
#include <vector>

// What a fork starts from: a copy of another job's generation, below `origin/` in the fork's own
// folder and laid out there like a job folder, so that Generations(origin_folder(…)) can verify it
// and lay it out. The files are hard links where the filesystem has them: the origin may prune its
// own names, and two forks never meet. docs/decisions/006. Blocking.

namespace ckpt::store {

/// origin.json
struct Origin {
  GenerationRef from;
  std::string tmpdir;            ///< $TMPDIR of the restored processes; empty: they had none
  std::vector<Warning> warnings; ///< to be told of the fork
  bool operator==(const Origin&) const = default;
};

Path origin_folder(const Path& job_folder);

/// Ready to become a fork's `origin/`; lies beside the jobs' folders until then.
struct StagedOrigin {
  Path folder;
  Manifest manifest; ///< of the copy: without the lengths of the origin's own output
  Origin origin;
};

/// Links (or copies) the generation's files, and copies the origin's output up to its lengths at
/// the freeze. `output_cut_short`, a warning, if that is not there any more. Errors: `not_sealed`,
/// `generation_removed` (not_found), `generation_corrupt`, those of files; then nothing is left.
Result<StagedOrigin> stage_origin(const Store& store, JobId job, GenerationId generation);
/// Writes origin.json and the link that fork_of() reads, and moves it to its place in a new job's
/// folder.
Status place_origin(const StagedOrigin& staged, const Path& job_folder);
Status discard(const StagedOrigin& staged);
/// Those that a daemon died over. Only at its start.
void remove_staged_origins(const Store& store);

/// Nothing when the job is no fork, or has outgrown its origin.
Result<std::optional<Origin>> read_origin(const Path& job_folder);
/// What a job was started from, also when it has outgrown that; nothing: it is no fork. Cheap.
std::optional<GenerationRef> fork_of(const Path& job_folder);

/// The copy goes; what it was started from stays in spec.json.
Status remove_origin(const Path& job_folder);

/// `stdout` or `stderr` of the copy, if there is one.
std::optional<Path> origin_output(const Path& job_folder, const std::string& stream);

} // namespace ckpt::store
