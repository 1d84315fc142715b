#include "core/domain/program_end.hpp"

namespace ckpt {
namespace {

constexpr int kKill = 9;
constexpr int kShellSays = 128; // and the signal's number
constexpr Duration kAtOnce = seconds{10};

bool is_crash(int signal) {
  constexpr int kIll = 4;
  constexpr int kBus = 7;
  constexpr int kSegv = 11;
  constexpr int kSys = 31;
  return signal == kIll || signal == kBus || signal == kSegv || signal == kSys;
}

/// Zero: by none.
int ended_by(const ProgramEnd& end) {
  if (end.signal) {
    return *end.signal;
  }
  return end.code.value_or(0) > kShellSays ? *end.code - kShellSays : 0;
}

} // namespace

ProgramVerdict judge_program_end(const ProgramEnd& end) {
  // Nothing but success says 0, also after TERM.
  if (end.status_known && end.code == 0) {
    return {EndReason::completed, true, false};
  }
  if (end.fenced) {
    return {EndReason::fenced, false, false};
  }
  if (end.term) {
    return {*end.term, false, false};
  }
  if (!end.status_known) {
    return {EndReason::interrupted, false, true};
  }
  const int signal = ended_by(end);
  if (is_crash(signal) && end.since_restart && *end.since_restart < kAtOnce) {
    return {EndReason::interrupted, false, true};
  }
  if (signal != 0 && end.since_broken_checkpoint && *end.since_broken_checkpoint < kAtOnce &&
      !end.out_of_memory) {
    return {EndReason::interrupted, false, true};
  }
  if (signal == kKill) {
    // With the same memory it would end the same way.
    return end.out_of_memory ? ProgramVerdict{EndReason::out_of_memory, false, false}
                             : ProgramVerdict{EndReason::interrupted, false, true};
  }
  return {EndReason::failed, true, false};
}

} // namespace ckpt
