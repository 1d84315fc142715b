#pragma once

#include "core/engine/engine.hpp"

namespace ckpt::engine {

/// DMTCP 3.1 and newer, as installed at `config.dmtcp_root` or found in PATH. One coordinator a
/// session, on the loopback interface, which dies with the thread that launched it (PDEATHSIG), and
/// takes the program along: that thread must live as long as the session.
std::unique_ptr<Engine> make_dmtcp_engine(const EngineConfig& config);

} // namespace ckpt::engine
