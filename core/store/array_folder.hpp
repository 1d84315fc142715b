#pragma once

#include "core/base/files.hpp"
#include "core/domain/ids.hpp"
#include "core/domain/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// <store>/arrays/<token>/: what the tasks of one job array share. `tasks/<index>` are links to the
// jobs' folders, by which the one batch script finds the job that it is for; `accepted.json` comes
// after all of them: until it is there, nobody was told of the array, and what is there of it goes.

namespace ckpt::store {

class ArrayFolder {
public:
  ArrayFolder(Path store_root, SubmissionToken token);
  Path path() const { return path_; }
  Path tasks() const { return path_ / "tasks"; }
  Path batch_script() const { return path_ / "batch.sh"; }

  /// Fails with `file_exists` where there is one.
  Status make() const;
  /// The job's folder exists. Safe to repeat.
  Status link_task(std::int64_t index, JobId job) const;
  /// From here on it is an array, whoever dies. `idempotency_key`: of the request, may be empty.
  Status accept(const std::string& idempotency_key) const;
  struct Acceptance {
    std::string idempotency_key;
  };
  Result<std::optional<Acceptance>> accepted() const;
  /// Replaces batch.sh.
  Status write_batch_script(const std::string& text) const;
  /// The task's job is gone; with the last of them the folder goes. Safe to repeat.
  Status forget_task(std::int64_t index) const;
  Status remove() const;

  /// The tokens of those that were never accepted and whose jobs are all gone.
  static Result<std::vector<SubmissionToken>> abandoned(const Path& store_root);

private:
  Path root_;
  Path path_;
};

} // namespace ckpt::store
