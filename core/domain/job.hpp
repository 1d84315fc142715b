#pragma once

#include "core/domain/ids.hpp"
#include "core/domain/time.hpp"
#include "core/domain/words.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ckpt {

enum class EngineWish { automatic, dmtcp, mana, criu, app };
enum class Compression { zstd, none };
enum class AtWalltime { requeue, park };
enum class StdoutOnRestart { exact, append };
enum class LocalFiles { save, warn, ignore };
enum class ShieldTerm { automatic, on, off };

CKPT_WORDS(Compression, zstd, none);
CKPT_WORDS(AtWalltime, requeue, park);
CKPT_WORDS(StdoutOnRestart, exact, append);
CKPT_WORDS(LocalFiles, save, warn, ignore);

/// `auto` is a keyword of C++, so these two have their words written out.
template <> struct Words<EngineWish> {
  using enum EngineWish;
  static constexpr std::array kAll{automatic, dmtcp, mana, criu, app};
  static constexpr std::string_view kNames = "auto, dmtcp, mana, criu, app";
};
template <> struct Words<ShieldTerm> {
  using enum ShieldTerm;
  static constexpr std::array kAll{automatic, on, off};
  static constexpr std::string_view kNames = "auto, on, off";
};

/// How often checkpoints are taken while a job runs.
struct Interval {
  enum class Kind { automatic, off, fixed };
  Kind kind = Kind::automatic;
  Duration every{0}; ///< with Kind::fixed
  bool operator==(const Interval&) const = default;
};

/// The user's wishes for a job. They can change while it runs; `revision` counts the changes.
struct Policy {
  int revision = 1;
  Interval every;
  std::optional<Duration> lead; ///< nothing: `auto`
  int keep = 2;                 ///< sealed generations kept, the newest included; at least 1
  int keep_after_success = 0;
  Compression compress = Compression::zstd;
  int max_restarts = 100;
  std::optional<Duration> total_time; ///< of run time over all attempts; then parked
  std::optional<Duration> stop_after; ///< of run time; then one checkpoint, then parked
  AtWalltime at_walltime = AtWalltime::requeue;
  StdoutOnRestart stdout_on_restart = StdoutOnRestart::exact;
  std::vector<std::string> ckpt_files;   ///< globs, relative to the working directory
  std::vector<std::string> append_files; ///< likewise
  LocalFiles local_files = LocalFiles::save;
  ShieldTerm shield_term = ShieldTerm::automatic;
  std::map<std::string, std::string> tags;
  bool operator==(const Policy&) const = default;
};

/// How the `app` engine talks to a program that checkpoints itself.
struct AppCheckpointing {
  std::string signal;  ///< "USR1"; or empty
  std::string command; ///< run by /bin/sh in the working directory, with CKPT_PID set; or empty
  std::string
      restart_command; ///< run instead of argv from the second attempt on; empty: argv again
  bool operator==(const AppCheckpointing&) const = default;
};

/// A generation of a job, possibly of another one (a fork starts from its origin's).
struct GenerationRef {
  JobId job;
  GenerationId generation;
  bool operator==(const GenerationRef&) const = default;
};

/// Which task of a job array a job is. The array itself is no more than a name for its tasks.
struct ArrayTask {
  JobId of;              ///< the first task's job, by which people call the array
  SubmissionToken token; ///< of the one submission of all; a task's own is task_token()
  std::string name;      ///< of the array; the job's own has the index behind it
  std::int64_t index = 0;
  std::int64_t count = 1; ///< of tasks, as they were asked for
  std::int64_t min = 0;   ///< the smallest index
  std::int64_t max = 0;
  std::int64_t step = 1;
  std::optional<std::int64_t> at_once; ///< "%10"; nothing: no limit
  bool operator==(const ArrayTask&) const = default;
};

/// What was asked for. Written once as spec.json and never changed.
struct JobSpec {
  JobId id;
  std::string name;
  TimePoint created_at{};
  std::vector<std::string> argv; ///< at least the program; `--wrap CMD` arrives as /bin/sh -c CMD
  std::string script_name; ///< what the kept batch script was submitted as ("job.sh"), its copy is
                           ///< in argv; empty: there is no script
  std::map<std::string, std::string>
      env;         ///< the whole environment the program gets (secrets included: 0600)
  std::string cwd; ///< absolute
  int umask = 022;
  std::string setup; ///< shell commands to run before the program, by the user's wish; or empty
  std::vector<std::string> modules; ///< `module load` arguments
  std::string stdout_path; ///< as the user gave it, `%j`, `%x`, `%u`, `%N` allowed (and `%A`,
                           ///< `%a`); empty: slurm-%j.out, slurm-%A_%a.out of an array's task
  std::string stderr_path; ///< empty: together with stdout
  SchedulerKind scheduler = SchedulerKind::local;
  std::vector<std::string> sbatch_args; ///< for sbatch, as the user wrote them: "--partition=debug"
  std::optional<Duration> time_limit;   ///< of one allocation, as asked for
  EngineWish engine = EngineWish::automatic;
  AppCheckpointing app;
  std::optional<GenerationRef> started_from; ///< with a fork
  std::optional<ArrayTask> array;
  bool operator==(const JobSpec&) const = default;
};

} // namespace ckpt
