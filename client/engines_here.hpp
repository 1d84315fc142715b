#pragma once

#include "api/views.hpp"
#include "client/session.hpp"
#include "core/base/files.hpp"

#include <map>
#include <string>
#include <vector>

// Which engines a job finds that is submitted from this shell: it has the shell's PATH, and behind
// that what the daemon knows of.

namespace ckpt::client {

/// The engine's program: what CKPT_DMTCP_ROOT or CKPT_CRIU of that environment names, and where it
/// names none what is on its PATH; empty: it is not there, or it needs none.
Path engine_program(EngineKind engine, const std::map<std::string, std::string>& env);

/// "CKPT_CRIU=/x names none that can be run here"; empty: it does, or is not set.
std::string misnamed_engine(EngineKind engine, const std::map<std::string, std::string>& env);

/// The folders of the engines that this shell has (CKPT_DMTCP_ROOT, CKPT_CRIU, PATH), parted by
/// colons, for a job whose own PATH is older: `module load dmtcp`, then `ckpt restart`.
std::string engine_path(const std::map<std::string, std::string>& env);

/// What to say of a job that as far as one can see here will find no engine, and be parked; empty:
/// nothing. `engines` are those of the daemon; `configured`: the configuration names one, as the
/// compute nodes see it.
std::string
engine_note(const JobSpec& spec, const std::vector<api::EngineView>& engines, bool configured);

/// Says that note, for people: a job that finds no engine is parked, and whoever submitted it has
/// gone by then.
void mention_engine(Session& session, const JobSpec& spec, SchedulerKind scheduler);

/// Whether an attempt's reason is that there was no engine.
bool is_for_want_of_engine(const std::string& reason);

} // namespace ckpt::client
