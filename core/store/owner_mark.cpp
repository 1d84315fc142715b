// Invariants: owner.<epoch>.json is made by link(2), so one state folder wins an epoch; the owner
// is that of the highest epoch in an unbroken row from owner.json on; epoch files are never
// removed, so a late writer of owner.json cannot bring an older owner back.

#include "core/store/owner_mark.hpp"

#include "core/base/kill_point.hpp"
#include "core/json/fields.hpp"
#include "core/store/layout.hpp"

namespace ckpt::store {
namespace {

Path mark_file(const Path& root) {
  return root / "owner.json";
}
Path epoch_file(const Path& root, std::int64_t epoch) {
  return root / ("owner." + std::to_string(epoch) + ".json");
}

std::string encode(const StoreOwner& owner) {
  const nlohmann::json object{{"store_id", owner.store_id},
                              {"epoch", owner.epoch},
                              {"state_id", owner.state_id},
                              {"state_dir", bytes_json(owner.state_dir)},
                              {"cluster", owner.cluster},
                              {"uid", owner.uid},
                              {"host", owner.host},
                              {"since", format_rfc3339(owner.since)}};
  return dump_json_pretty(object) + "\n";
}

Result<StoreOwner> decode(const nlohmann::json& object) {
  // Not finished with Fields::finish: a newer daemon may have more to say.
  Fields fields(object, "owner.json");
  StoreOwner owner;
  owner.store_id = fields.text("store_id");
  owner.epoch = fields.integer_in("epoch", 1, INT64_MAX - 1);
  owner.state_id = fields.text("state_id");
  owner.state_dir = fields.bytes("state_dir");
  owner.cluster = fields.text("cluster");
  owner.uid = fields.integer("uid");
  owner.host = fields.text("host");
  owner.since = fields.time("since");
  if (owner.store_id.empty() || owner.state_id.empty()) {
    return fail(ErrorClass::failed,
                "damaged_file",
                "does not tell whose store this is",
                "Remove it if you know that no daemon uses the store.");
  }
  return owner;
}

Result<std::optional<StoreOwner>> read_mark(const Path& file) {
  auto owner = read_json_file<StoreOwner>(file, decode);
  if (owner) {
    return *std::move(owner);
  }
  if (owner.error().code == "no_such_file") {
    return std::nullopt;
  }
  return tl::unexpected(owner.error());
}

} // namespace

Result<std::optional<StoreOwner>> read_owner(const Path& store_root) {
  auto owner = read_mark(mark_file(store_root));
  while (owner && *owner) {
    auto next = read_mark(epoch_file(store_root, (*owner)->epoch + 1));
    if (!next) {
      return next;
    }
    if (!*next) {
      break;
    }
    owner = std::move(next);
  }
  return owner;
}

Result<StoreOwner>
take_store(const Path& store_root, const std::optional<StoreOwner>& previous, StoreOwner wish) {
  wish.epoch = previous ? previous->epoch + 1 : 1;
  if (previous) {
    wish.store_id = previous->store_id;
  }
  const Path file = previous ? epoch_file(store_root, wish.epoch) : mark_file(store_root);
  const Status won = create_file_exclusively(file, encode(wish));
  if (!won && won.error().code != "file_exists") {
    return tl::unexpected(won.error());
  }
  auto now = read_owner(store_root);
  if (!now) {
    return tl::unexpected(now.error());
  }
  if (!*now) {
    return fail(ErrorClass::failed,
                "store_mark_gone",
                mark_file(store_root).string() + " vanished while it was written",
                "Start the daemon again.");
  }
  if (!won || **now != wish) {
    return **std::move(now); // somebody was faster
  }
  kill_point("store_owner.epoch");
  if (previous) {
    if (const Status done = rewrite_owner(store_root, wish); !done) {
      return tl::unexpected(done.error());
    }
  }
  return wish;
}

Status rewrite_owner(const Path& store_root, const StoreOwner& owner) {
  return write_file_atomically(mark_file(store_root), encode(owner));
}

} // namespace ckpt::store
