#pragma once

#include "core/domain/result.hpp"

#include <string>

// Namespaces and capabilities of the processes around a program under CRIU. For a process with one
// thread.

namespace ckpt::engine::criu {

/// Enters a new mount and pid namespace (the next child is its pid 1); an ordinary user also a user
/// namespace in which uid and gid keep their numbers. Error `engine_unusable` with advice where the
/// site forbids it.
Status enter_namespaces(bool user_namespace);

/// In pid 1: a /proc of this pid namespace, and no mount of ours that others could see.
Status mount_proc();

/// The next pid of this namespace will be above `pid`.
bool set_last_pid(int pid);

/// Before exec of criu as an ordinary user: hands it the namespace's capabilities, but for
/// CAP_SETUID and CAP_SETGID, with which it would try to change to ids that are not mapped.
bool keep_capabilities_over_exec();

} // namespace ckpt::engine::criu
