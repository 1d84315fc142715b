#pragma once

#include "core/domain/job.hpp"
#include "core/domain/process_facts.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

// What of a running program will or may break a restart, and what to do about it. Pure: facts in,
// warnings out. docs/troubleshooting.md has a paragraph for each code.

namespace ckpt {

/// The words are the warnings' stable codes.
enum class HazardKind {
  outside_sockets, ///< established connections to other hosts
  node_sockets,    ///< to processes of this node that are not the program's
  gpu,
  rdma,
  devices, ///< other device files
  sysv_shm,
  io_uring,
  inotify,        ///< watches of files
  kernel_objects, ///< perf, BPF, userfaultfd, …
  terminal,
  local_files,       ///< node-local and not saved
  uncovered_files,   ///< changed in place and not saved
  deleted_files,     ///< open without a name
  deleted_mappings,  ///< mapped without a name
  memory_files,      ///< memfd
  unreachable_files, ///< open, but this user could not open them again
  tmpdir_files,      ///< in $TMPDIR and not saved: too much of them
  static_binary,
  setuid_binary,
  outside_engine, ///< DMTCP is not in the process
};
CKPT_WORDS(HazardKind,
           outside_sockets,
           node_sockets,
           gpu,
           rdma,
           devices,
           sysv_shm,
           io_uring,
           inotify,
           kernel_objects,
           terminal,
           local_files,
           uncovered_files,
           deleted_files,
           deleted_mappings,
           memory_files,
           unreachable_files,
           tmpdir_files,
           static_binary,
           setuid_binary,
           outside_engine);

/// What the facts are held against.
struct Surroundings {
  EngineKind engine = EngineKind::dmtcp;
  LocalFiles local_files = LocalFiles::save;
  bool stays_on_node = false; ///< every attempt runs on this machine (scheduler local)
  bool restarted = false;     ///< the program comes from an image: what that held is proved
  bool privileged = false;    ///< the runner is root: CRIU can do more then
  std::string cwd;            ///< absolute; counts as shared
  std::string job_folder;     ///< absolute; what is below it is ours
  std::string tmpdir;         ///< the job's own $TMPDIR
  std::set<std::uint64_t> shared_devices; ///< of the store and of cwd
  std::set<FileIdentity> covered;         ///< output, --ckpt-files, --append-files
};

struct Hazard {
  HazardKind kind{};
  std::string detail; ///< which file, peer or process
  bool operator==(const Hazard&) const = default;
};

/// One warning a code; text without a final full stop.
struct Warning {
  std::string code;
  std::string text;
  std::string advice;
  bool operator==(const Warning&) const = default;
};

/// Below a folder, or the folder itself.
bool is_below(const std::string& path, const std::string& folder);

/// In a temporary folder of an engine, below whatever folder it lies, or what one loads into
/// programs.
bool is_engines_own(const std::string& path);

/// Whether a file is on this node only, and not a part of the system that every node has.
bool is_node_local(const OpenObject& file, const Surroundings& around);

/// The regular files, with names, that have to be saved with a generation for they are node-local;
/// sorted, each once. Nothing unless the policy says `save`.
std::vector<std::string> local_files_to_save(const std::vector<ProcessFacts>& processes,
                                             const Surroundings& around);

/// The names that regular files had which are open and deleted now; sorted, each once. What only
/// ever lay in memory (memfd, SysV) had none. `mapped`: also those that are only mapped.
std::vector<std::string> deleted_files(const std::vector<ProcessFacts>& processes, bool mapped);

/// The regular files, with names, that any of the processes can write to and that are the user's
/// own business: not `outputs` (the program's output), nothing of the job's folder; sorted, each
/// once.
std::vector<std::string> written_files(const std::vector<ProcessFacts>& processes,
                                       const Surroundings& around,
                                       const std::set<FileIdentity>& outputs);

/// Files that they have mapped shared and that none of them can write to. To be asked of a program
/// that runs: while it is frozen, DMTCP has such a file open for reading and writing in the
/// mapping's place (its Util::memProtToOpenFlags, 4.2.0 and 5.0).
std::set<FileIdentity> files_mapped_to_read(const std::vector<ProcessFacts>& processes);

/// What is there, whether or not it matters to the engine. Details may be there more than once.
std::vector<Hazard> find_hazards(const std::vector<ProcessFacts>& processes,
                                 const Surroundings& around);

/// What of that matters to the engine: one warning a kind, in the order of the kinds.
std::vector<Warning> warnings_of(const std::vector<Hazard>& hazards, const Surroundings& around);

/// Whether a warning's code is one of this file's.
inline bool is_hazard_code(const std::string& code) {
  return from_word<HazardKind>(code).has_value();
}

} // namespace ckpt
