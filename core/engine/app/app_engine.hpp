#pragma once

#include "core/engine/engine.hpp"

#include <memory>

// A program that checkpoints itself, on a signal or by a command. What it wrote (the files that
// ProgramInfo::checkpoint_files names) is copied and becomes the generation.

namespace ckpt::engine {

std::unique_ptr<Engine> make_app_engine(const EngineConfig& config);

} // namespace ckpt::engine
