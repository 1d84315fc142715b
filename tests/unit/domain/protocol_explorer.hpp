#pragma once

#include "core/domain/protocol_model.hpp"

#include <string>

// Explores the interleavings of the model: breadth first over all of them up to a bound, and long
// seeded random walks. From every state it also asks whether the job would reach its end if nothing
// more went wrong.

namespace ckpt::protocol::model {

struct Findings {
  std::size_t states = 0;
  std::size_t settled = 0;   ///< states in which the job has its end
  std::size_t exhausted = 0; ///< calm continuations that ran out of the small world
  std::string broken;        ///< the first invariant that broke, and how; empty: none
};

/// Where exploration begins, so that its bound is not spent on the way to what is interesting.
enum class Opening {
  nothing,   ///< no daemon, no job submitted
  running,   ///< the first attempt runs its program
  split,     ///< … and the scheduler believes its node dead; the next attempt has just claimed
  sealing,   ///< like split, with a checkpoint of the first attempt hanging in the store
  finishing, ///< like split, with the first attempt's result hanging in the store
  answering, ///< like split, twice: the second attempt's leave to start is answered too late
  thawing,   ///< like split, with the first frozen and its look at the claims answered too late
};

World open_world(const Model& model, const Faults& faults, Opening opening);
Findings explore_all(const Model& model, const World& from, std::size_t max_states);
Findings walk_randomly(const Model& model, const World& from, std::size_t walks, unsigned seed);

} // namespace ckpt::protocol::model
