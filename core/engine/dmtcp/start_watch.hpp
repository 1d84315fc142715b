#pragma once

#include "core/engine/dmtcp/session.hpp"

namespace ckpt::engine::dmtcp {

/// How long a start may take, and what is to come of it.
struct StartLimits {
  Duration timeout;
  Duration stall_timeout;
  std::size_t peers = 0; ///< of a restart: as many as its images say
  Path messages;         ///< where DMTCP complains
  Path plan_file;        ///< the stub's
  std::function<bool()> give_up;
};

/// Waits until the launched program runs under its coordinator (or has run to its end already).
Status await_launched(DmtcpSession& session, const StartLimits& limits);

/// Waits until every restarted process runs. A hung restart uses CPU time (a truncated image makes
/// it spin): only bytes, memory and states count as progress.
Status await_restarted(DmtcpSession& session, const StartLimits& limits);

} // namespace ckpt::engine::dmtcp
