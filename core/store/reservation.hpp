#pragma once

#include "core/base/files.hpp"

#include <cstdint>
#include <string>

namespace ckpt::store {

/// Room in the store that a job is about to fill. A filesystem tells only what is free now: jobs
/// that look at it in the same moment (the end of an hour, a user's last gigabyte of quota) would
/// each take it for theirs, and under DMTCP a disk that fills up ends the program. One file a job,
/// `room/<job>`; seen by every node that has the store. A convention between runners, no lock: it
/// is overlooked when it cannot be read, and after ten minutes (its runner may have been killed).
class Reservation {
public:
  /// `job`: its id. Error: nothing can be written there.
  static Result<Reservation> make(const Path& store, const std::string& job, std::uint64_t bytes);
  /// What a killed runner of that job may have left.
  static void forget(const Path& store, const std::string& job);
  /// Bytes of other jobs whose reservations are older than this one: of two, one goes first.
  std::uint64_t older_bytes() const;
  ~Reservation();
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&&) = delete;

private:
  explicit Reservation(Path file) : file_(std::move(file)) {}
  Path file_; ///< empty: moved from
};

} // namespace ckpt::store
