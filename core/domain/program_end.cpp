#include "core/domain/program_end.hpp"

namespace ckpt {
namespace {

constexpr int kKill = 9;
constexpr int kShellSaysKilled = 128 + kKill;

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
  if (end.signal == kKill || end.code == kShellSaysKilled) {
    // With the same memory it would end the same way.
    return end.out_of_memory ? ProgramVerdict{EndReason::out_of_memory, false, false}
                             : ProgramVerdict{EndReason::interrupted, false, true};
  }
  return {EndReason::failed, true, false};
}

} // namespace ckpt
