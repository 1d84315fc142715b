#include "daemon/registry_file.hpp"

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/base/log.hpp"

#include <array>
#include <ctime>

namespace ckpt::daemon {
namespace {

constexpr std::array kParts{"", "-wal", "-shm"};

bool is_there(const Path& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

std::string stamp() {
  const std::time_t now = std::chrono::system_clock::to_time_t(system_clock().now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return text.data();
}

/// registry.db.old-20261121T140500Z, with what belongs to it. The database last: while it is there
/// the next start finds again what is wrong with it.
Result<Path> put_aside(const Path& file, const std::string& why) {
  const std::string base = file.string() + "." + why + "-" + stamp();
  std::string to = base;
  for (int n = 2; is_there(to) || is_there(to + "-wal"); ++n) {
    to = base + "-" + std::to_string(n);
  }
  for (auto part = kParts.rbegin(); part != kParts.rend(); ++part) {
    if (is_there(file.string() + *part)) {
      if (const Status done = rename_durably(file.string() + *part, to + *part); !done) {
        return tl::unexpected(done.error());
      }
    }
    kill_point("registry.aside");
  }
  return Path(to);
}

api::DegradedView rebuilt(const std::string& why, const Path& aside) {
  const bool kept = is_there(aside) || is_there(aside.string() + "-wal");
  return {"registry_rebuilt",
          "the registry was made again from the store: " + why,
          kept ? "the old file is kept as " + aside.string() +
                     "; look at that disk, and remove the file when nobody needs it"
               : "look at who removes files in " + aside.parent_path().string(),
          system_clock().now()};
}

} // namespace

Result<OpenedRegistry> open_registry(const Path& file, const RegistryWish& wish) {
  OpenedRegistry opened;
  std::error_code error;
  const bool missing = !is_there(file);
  const bool empty = !missing && std::filesystem::file_size(file, error) == 0;
  if (wish.rebuild || missing || empty) {
    const auto aside = put_aside(file, wish.rebuild ? "old" : "damaged");
    if (!aside) {
      return tl::unexpected(aside.error());
    }
    opened.is_new = true;
    if (!wish.rebuild && wish.store_has_jobs) {
      opened.rebuilt = rebuilt(file.string() + (missing ? " was missing" : " was empty"), *aside);
    }
  }
  auto registry = Registry::open(file);
  const bool damaged = !registry && registry.error().code == "registry_damaged";
  // Its lock is no reason to leave the jobs alone: he finds a newer owner when he wakes up.
  const bool asleep =
      !registry && registry.error().code == "registry_locked" && wish.owner_may_sleep;
  if (damaged || asleep) {
    const std::string why = registry.error().message;
    const auto aside = put_aside(file, damaged ? "damaged" : "taken-over");
    if (!aside) {
      return tl::unexpected(aside.error());
    }
    opened.is_new = true;
    opened.rebuilt = rebuilt(why, *aside);
    registry = Registry::open(file);
  }
  if (!registry) {
    return tl::unexpected(registry.error());
  }
  opened.registry = *std::move(registry);
  return opened;
}

} // namespace ckpt::daemon
