#pragma once

#include "daemon/model.hpp"

#include <string>

namespace ckpt::daemon {

/// One sentence for people of a line of the history; its type is for programs. Pure.
std::string event_text(const store::JobEvent& event);
std::string event_text(const AttemptRow& row, const store::AttemptEvent& event);

} // namespace ckpt::daemon
