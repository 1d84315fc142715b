#include "core/engine/criu/namespaces.hpp"

#include "core/base/files.hpp"
#include "core/base/strings.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace ckpt::engine::criu {
namespace {

bool write_proc(const char* path, const std::string& text) {
  const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string setting(const char* path) {
  const auto text = read_file(path, 256);
  return text ? std::string(trim(*text)) : std::string{};
}

std::string why_forbidden() {
  if (setting("/proc/sys/user/max_user_namespaces") == "0") {
    return " (user.max_user_namespaces is 0)";
  }
  if (setting("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return " (kernel.unprivileged_userns_clone is 0)";
  }
  if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1") {
    return " (AppArmor restricts them: kernel.apparmor_restrict_unprivileged_userns is 1)";
  }
  return {};
}

tl::unexpected<Error> unusable(const std::string& message, const std::string& advice) {
  return fail(ErrorClass::unusable, "engine_unusable", message, advice);
}

} // namespace

Status enter_namespaces(bool user_namespace) {
  const auto uid = std::to_string(::geteuid());
  const auto gid = std::to_string(::getegid());
  if (::unshare(CLONE_NEWNS | CLONE_NEWPID | (user_namespace ? CLONE_NEWUSER : 0)) != 0) {
    const std::string error = std::strerror(errno);
    return user_namespace
               ? unusable("this machine does not let an ordinary user make namespaces: " + error +
                              why_forbidden(),
                          "ask the site to allow user namespaces, or use another engine")
               : unusable("cannot make namespaces: " + error,
                          "CRIU as root needs CAP_SYS_ADMIN (not in every container)");
  }
  if (user_namespace && !(write_proc("/proc/self/setgroups", "deny") &&
                          write_proc("/proc/self/uid_map", uid + " " + uid + " 1") &&
                          write_proc("/proc/self/gid_map", gid + " " + gid + " 1"))) {
    return unusable("cannot map the user into a namespace: " + std::string(std::strerror(errno)) +
                        why_forbidden(),
                    "ask the site to allow user namespaces, or use another engine");
  }
  return {};
}

Status mount_proc() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return unusable("cannot set the mounts apart: " + std::string(std::strerror(errno)), {});
  }
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    return unusable("cannot mount /proc in a namespace: " + std::string(std::strerror(errno)),
                    "in a container /proc must not be masked");
  }
  return {};
}

bool set_last_pid(int pid) {
  return write_proc("/proc/sys/kernel/ns_last_pid", std::to_string(pid));
}

bool keep_capabilities_over_exec() {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) {
    return false;
  }
  constexpr std::uint32_t kIds = (1U << CAP_SETUID) | (1U << CAP_SETGID);
  data[0].inheritable = data[0].permitted & ~kIds;
  data[1].inheritable = data[1].permitted;
  if (::syscall(SYS_capset, &header, data.data()) != 0) {
    return false;
  }
  for (unsigned cap = 0; cap < 64; ++cap) {
    if ((data.at(cap / 32).inheritable & (1U << (cap % 32))) != 0 &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) {
      return false;
    }
  }
  return true;
}

} // namespace ckpt::engine::criu
