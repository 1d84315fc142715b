#pragma once

#include "core/engine/engine.hpp"

#include <memory>

// CRIU: transparent checkpoints of an unmodified program by the kernel's own interfaces. An
// ordinary user needs CRIU 4.0 or newer and unprivileged user namespaces; root needs neither. The
// program runs in a pid and mount namespace of its own, below our namespace init (ns_init.hpp).

namespace ckpt::engine {

std::unique_ptr<Engine> make_criu_engine(const EngineConfig& config);

} // namespace ckpt::engine
