#include "daemon/owner.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/process.hpp"
#include "core/json/fields.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>
#include <unistd.h>

// Invariants: epoch files (owner.<epoch>) are made by link(2), so one daemon wins an epoch;
// owner.json is that of the newest epoch; nobody writes owner.json who does not hold the newest
// epoch file. A daemon that finds a newer epoch has lost, and acts no more.

namespace ckpt::daemon {
namespace {

using nlohmann::json;

Path owner_file(const Path& dir) {
  return dir / "owner.json";
}
Path epoch_file(const Path& dir, std::int64_t epoch) {
  return dir / ("owner." + std::to_string(epoch));
}

std::string encode(const Owner& owner) {
  const json object = {{"epoch", owner.epoch},
                       {"host", owner.host},
                       {"boot_id", owner.boot_id},
                       {"pid", owner.pid},
                       {"start_ticks", owner.start_ticks},
                       {"heartbeat", owner.heartbeat}};
  return dump_json_pretty(object) + "\n";
}

Result<Owner> decode(const std::string& text) {
  const auto object = parse_json(text);
  if (!object) {
    return tl::unexpected(object.error());
  }
  Fields fields(*object, "owner.json");
  Owner owner;
  owner.epoch = fields.integer("epoch");
  owner.host = fields.text("host");
  owner.boot_id = fields.text("boot_id");
  owner.pid = fields.integer("pid");
  owner.start_ticks = static_cast<std::uint64_t>(fields.integer("start_ticks"));
  owner.heartbeat = fields.integer("heartbeat");
  if (const Status done = fields.finish(); !done) {
    return tl::unexpected(done.error());
  }
  return owner;
}

/// Nothing: no owner yet.
Result<std::optional<Owner>> read_owner(const Path& dir) {
  const auto text = read_file(owner_file(dir));
  if (!text) {
    if (text.error().code == "no_such_file") {
      return std::nullopt;
    }
    return tl::unexpected(text.error());
  }
  auto owner = decode(*text);
  if (!owner) {
    return tl::unexpected(owner.error());
  }
  return *owner;
}

/// True: surely dead. False: surely alive. Nothing: on another machine, only its silence tells.
std::optional<bool> dead(const Owner& owner, const OwnerIdentity& self) {
  if (owner.pid == 0) {
    return true; // released
  }
  if (owner.host != self.host) {
    return std::nullopt;
  }
  if (owner.boot_id != self.boot_id) {
    return true;
  }
  const auto process = process_info(static_cast<pid_t>(owner.pid));
  // A zombie that nobody has reaped yet owns nothing any more.
  return !process || process->state == 'Z' || process->state == 'X' ||
         process->start_ticks != owner.start_ticks;
}

tl::unexpected<Error> taken(const Owner& owner) {
  return fail(ErrorClass::conflict,
              "already_running",
              "a ckptd runs already for this state folder: pid " + std::to_string(owner.pid) +
                  " on " + owner.host,
              "`ckpt daemon status` talks to it; `ckpt daemon stop` ends it");
}

} // namespace

OwnerIdentity this_process() {
  OwnerIdentity self{host_name(), boot_id(), ::getpid(), 0};
  if (const auto info = process_info(::getpid())) {
    self.start_ticks = info->start_ticks;
  }
  return self;
}

std::optional<Owner> living_owner(const Path& state_dir, const OwnerIdentity& self) {
  const auto owner = read_owner(state_dir);
  return owner && *owner && dead(**owner, self) == false ? *owner : std::nullopt;
}

Result<Ownership>
Ownership::take(const Path& state_dir, const OwnerIdentity& self, Clock& clock, Duration silence) {
  bool silent = false;
  auto previous = read_owner(state_dir);
  if (!previous) {
    return tl::unexpected(previous.error());
  }
  if (*previous) {
    const auto is_dead = dead(**previous, self);
    if (is_dead == false) {
      return taken(**previous);
    }
    silent = !is_dead;
    const MonoTime since = clock.monotonic();
    while (!is_dead && clock.monotonic() - since < silence) {
      clock.sleep_for(std::min<Duration>(silence, seconds{1}));
      auto again = read_owner(state_dir);
      if (!again || !*again || **again != **previous) {
        return taken(again && *again ? **again : **previous);
      }
    }
  }
  Owner owner{*previous ? (*previous)->epoch + 1 : 1,
              self.host,
              self.boot_id,
              self.pid,
              self.start_ticks,
              0};
  // Epoch files without an owner.json of theirs: somebody died between the two, or is just there.
  for (;; ++owner.epoch) {
    const Status won = create_file_exclusively(epoch_file(state_dir, owner.epoch), encode(owner));
    if (won) {
      break;
    }
    if (won.error().code != "file_exists") {
      return tl::unexpected(won.error());
    }
    const auto text = read_file(epoch_file(state_dir, owner.epoch));
    const auto other = text ? decode(*text) : tl::unexpected(text.error());
    if (!other || dead(*other, self) != true) {
      return taken(other ? *other : owner);
    }
  }
  kill_point("owner.epoch");
  if (const Status written = write_file_atomically(owner_file(state_dir), encode(owner));
      !written) {
    return tl::unexpected(written.error());
  }
  if (owner.epoch > 1) {
    (void)remove_file(epoch_file(state_dir, owner.epoch - 1));
  }
  Ownership ownership(state_dir, owner);
  ownership.from_silent_host_ = silent;
  return ownership;
}

bool Ownership::still_ours() const {
  std::error_code error;
  if (std::filesystem::exists(epoch_file(state_dir_, owner_.epoch + 1), error)) {
    return false;
  }
  const auto owner = read_owner(state_dir_);
  // A file that cannot be read just now is no take-over.
  return !owner || (*owner && (*owner)->epoch == owner_.epoch);
}

bool Ownership::renew() {
  if (!still_ours()) {
    return false;
  }
  ++owner_.heartbeat;
  return write_file_atomically(owner_file(state_dir_), encode(owner_)).has_value() || still_ours();
}

void Ownership::release() {
  if (still_ours()) {
    owner_.pid = 0;
    (void)write_file_atomically(owner_file(state_dir_), encode(owner_));
  }
}

} // namespace ckpt::daemon
