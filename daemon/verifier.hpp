#pragma once

#include "core/base/clock.hpp"
#include "core/store/job_folder.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ckpt::daemon {

/// How fast and how often stored generations are read again.
struct VerifySettings {
  Duration every = hours{168};                 ///< between two looks at one; 0: never
  std::uint64_t bytes_per_second = 20'000'000; ///< of stored bytes; 0: never
  bool off() const { return every <= Duration{0} || bytes_per_second == 0; }
};

/// A sealed generation, good as far as is known.
struct VerifyCandidate {
  JobId job;
  GenerationId id;
  TimePoint sealed_at{};
  std::optional<TimePoint> verified_at;
};

/// When it is to be read next: the first time a seventh of `every` after the seal (most are pruned
/// before), then `every` after the last time. Pure.
TimePoint verification_due(const VerifyCandidate& candidate, Duration every);
/// The one that is overdue for the longest, or nothing. Pure.
std::optional<VerifyCandidate>
next_to_verify(const std::vector<VerifyCandidate>& candidates, TimePoint now, Duration every);

/// What reading a generation again has come to. A corrupt one is marked in its folder already.
struct Verified {
  JobId job;
  GenerationId id;
  std::optional<TimePoint> at; ///< its bytes are what was sealed
  std::string problem;         ///< they are not; empty with `at`, or when it could not be read
  std::optional<Error> error;  ///< it could not be read: nothing is known of it
};

/// Reads generations, one a call. Any one thread.
class VerifyRound {
public:
  VerifyRound(const store::Store& store, VerifySettings settings, Clock& clock);
  struct Step {
    bool looked = false; ///< there was one to read; else: nothing is due
    std::optional<Verified> found;
  };
  /// What is due. Blocks for as long as the rate wants; `stop` is asked several times a second.
  /// What cannot be read (the storage, not the generation) comes again later.
  Step next(const std::function<bool()>& stop);
  /// This one, with nothing but `progress` (of its stored bytes) to slow it down; stops when that
  /// says false.
  Verified look(JobId job, GenerationId id, const std::function<bool(std::uint64_t)>& progress);

private:
  std::vector<VerifyCandidate> candidates() const;
  const store::Store& store_;
  VerifySettings settings_;
  Clock& clock_;
  std::map<std::pair<JobId, GenerationId>, TimePoint> not_before_;
};

/// A thread of low priority that does so for the daemon's life, and at once what a person asks for.
/// `found` is called on it.
class Verifier {
public:
  Verifier(const store::Store& store,
           VerifySettings settings,
           Clock& clock,
           std::function<void(Verified)> found);
  ~Verifier(); ///< stops within a fraction of a second
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  /// Before everything that is due, and at full speed. Asking again while it waits or is read does
  /// nothing. Any thread.
  void ask(JobId job, GenerationId id);
  /// Of one that was asked for: bytes that were read; nothing: it is neither waiting nor being
  /// read. Any thread.
  std::optional<std::uint64_t> progress(JobId job, GenerationId id) const;
  /// Why the last one that was asked for could not be read. Any thread.
  std::optional<Error> trouble(JobId job, GenerationId id) const;

private:
  using Name = std::pair<JobId, GenerationId>;
  void work();
  void serve(const Name& name);
  std::optional<Name> first_asked() const;

  VerifyRound round_;
  VerifySettings settings_;
  Clock& clock_;
  std::function<void(Verified)> found_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::pair<Name, std::uint64_t>> asked_; ///< oldest first; guarded by mutex_
  std::map<Name, Error> trouble_;                     ///< guarded by mutex_
  std::thread thread_;
};

} // namespace ckpt::daemon
