#include "daemon/store_claim.hpp"

#include "core/base/log.hpp"
#include "core/base/strings.hpp"

#include <unistd.h>

// A daemon takes all jobs in its store for its own, so two of them on one store would each run the
// other's. What cannot be known (a state folder of another host that is not seen here) is not
// assumed: the newcomer leaves, and says how a person decides.

namespace ckpt::daemon {
namespace {

constexpr const char* kIdFile = "state.id";
constexpr int kTries = 5;

std::string id_in(const Path& state_dir) {
  const auto text = read_file(state_dir / kIdFile);
  return text ? std::string(trim(*text)) : std::string();
}

bool same_folder(const Path& a, const Path& b) {
  std::error_code error;
  return a == b || std::filesystem::equivalent(a, b, error);
}

/// The owner's state folder is where it was, seen from here.
bool is_there(const store::StoreOwner& owner) {
  return id_in(owner.state_dir) == owner.state_id;
}

bool same_cluster(const store::StoreOwner& a, const store::StoreOwner& b) {
  return a.cluster == b.cluster || a.cluster == api::kUnknownCluster ||
         b.cluster == api::kUnknownCluster;
}

/// This state folder, perhaps renamed; not a copy of it.
bool is_ours(const store::StoreOwner& owner, const store::StoreOwner& self) {
  return owner.state_id == self.state_id &&
         (same_folder(owner.state_dir, self.state_dir) || !is_there(owner));
}

/// Nobody can come back from that state folder.
bool abandoned(const store::StoreOwner& owner, const store::StoreOwner& self) {
  return owner.uid == self.uid && same_cluster(owner, self) && owner.host == self.host &&
         !is_there(owner);
}

tl::unexpected<Error>
refused(const Path& root, const store::StoreOwner& owner, const std::string& advice) {
  return fail(ErrorClass::conflict,
              "store_of_another",
              "the store " + root.string() + " belongs to the state folder " + owner.state_dir +
                  " (cluster " + owner.cluster + ", on " + owner.host + ")" +
                  (is_there(owner) ? "" : ", which is not to be seen here"),
              advice);
}

constexpr const char* kOtherStore =
    "give this one a store of its own: CKPTD_STORE=FOLDER or store.path";

/// Why it may not be had, or nothing.
Status may_take(const Path& root, const store::StoreOwner& owner, const StoreClaim& claim) {
  if (owner.uid != claim.self.uid) {
    return refused(root,
                   owner,
                   "it is another user's (uid " + std::to_string(owner.uid) + "): " + kOtherStore);
  }
  if (is_there(owner)) {
    if (const auto living = living_owner(owner.state_dir, this_process())) {
      return refused(root,
                     owner,
                     "its daemon runs (pid " + std::to_string(living->pid) + "): " + kOtherStore +
                         "; or end that one, and `ckpt daemon start --adopt-store`");
    }
  }
  if (claim.adopt || abandoned(owner, claim.self)) {
    return {};
  }
  return refused(root,
                 owner,
                 std::string(kOtherStore) +
                     "; or, if no daemon will ever come back from that state folder, take the jobs "
                     "over with `ckpt daemon start --adopt-store`");
}

} // namespace

Result<std::string> state_id(const Path& state_dir) {
  constexpr std::size_t kBytes = 16;
  const Path file = state_dir / kIdFile;
  const Status made = create_file_exclusively(file, random_hex(kBytes) + "\n");
  if (!made && made.error().code != "file_exists") {
    return tl::unexpected(made.error());
  }
  std::string id = id_in(state_dir);
  if (id.empty()) {
    return fail(ErrorClass::failed,
                "damaged_file",
                file.string() + " cannot be read, or is empty",
                "Remove it; the store then has to be taken over with `ckptd --adopt-store`.");
  }
  return id;
}

Result<store::StoreOwner>
claim_store(const Path& store_root, const StoreClaim& claim, Clock& clock) {
  store::StoreOwner wish = claim.self;
  constexpr std::size_t kBytes = 16;
  wish.store_id = random_hex(kBytes);
  wish.since = clock.now();
  auto owner = store::read_owner(store_root);
  for (int tries = 0; owner && tries < kTries; ++tries) {
    if (*owner && is_ours(**owner, claim.self)) {
      store::StoreOwner renewed = **owner;
      renewed.state_dir = wish.state_dir;
      renewed.host = wish.host;
      renewed.cluster = wish.cluster == api::kUnknownCluster ? renewed.cluster : wish.cluster;
      if (renewed != **owner) {
        const Status done = store::rewrite_owner(store_root, renewed);
        return done ? Result<store::StoreOwner>(renewed) : tl::unexpected(done.error());
      }
      return renewed;
    }
    if (*owner) {
      if (const Status fine = may_take(store_root, **owner, claim); !fine) {
        return tl::unexpected(fine.error());
      }
      log::warning("the store " + store_root.string() + " is taken over from the state folder " +
                   (*owner)->state_dir + " on " + (*owner)->host);
    }
    const auto taken = store::take_store(store_root, *owner, wish);
    if (!taken) {
      return tl::unexpected(taken.error());
    }
    owner = std::optional(*taken); // ours, or that of one who was faster: look again
  }
  return owner ? tl::unexpected<Error>({ErrorClass::conflict,
                                        Outcome::retryable,
                                        "store_contended",
                                        "others keep taking the store " + store_root.string(),
                                        "Start one daemon at a time."})
               : tl::unexpected(owner.error());
}

bool still_owns(const Path& store_root, const store::StoreOwner& owner) {
  const auto now = store::read_owner(store_root);
  return !now || !*now || (*now)->state_id == owner.state_id;
}

} // namespace ckpt::daemon
