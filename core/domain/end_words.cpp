#include "core/domain/end_words.hpp"

namespace ckpt {

std::string end_words(EndReason reason) {
  switch (reason) {
  case EndReason::completed:
    return "completed";
  case EndReason::failed:
    return "failed";
  case EndReason::walltime:
    return "reached its time limit";
  case EndReason::preempted:
    return "was preempted";
  case EndReason::requeued:
    return "was requeued";
  case EndReason::node_fail:
    return "lost its node";
  case EndReason::out_of_memory:
    return "ran out of memory";
  case EndReason::cancelled:
    return "was cancelled";
  case EndReason::stopped:
    return "was stopped";
  case EndReason::launch_failed:
    return "could not start the program";
  case EndReason::restart_failed:
    return "could not go on from a checkpoint";
  case EndReason::interrupted:
    return "was interrupted";
  case EndReason::fenced:
    return "made way for a newer one";
  case EndReason::lost:
    return "was lost without a word";
  case EndReason::unknown:
    break;
  }
  return "ended, and nobody knows how";
}

} // namespace ckpt
