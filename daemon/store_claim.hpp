#pragma once

#include "api/endpoint.hpp"
#include "core/store/owner_mark.hpp"
#include "daemon/owner.hpp"

namespace ckpt::daemon {

/// Who asks for a store: `self` with state folder, cluster, uid and host; the rest is made here.
struct StoreClaim {
  store::StoreOwner self;
  bool adopt = false; ///< take it although another state folder owns it (`--adopt-store`)
};

/// The random id of a state folder, made once. A folder that was deleted and made again is another.
Result<std::string> state_id(const Path& state_dir);

/// Makes the store that of this state folder, for good. Free stores are taken, and by themselves
/// those of the same user and cluster whose state folder is known to be gone. Else:
/// `store_of_another` (conflict; names the owner and what to type). One whose daemon runs on this
/// host is never taken.
Result<store::StoreOwner>
claim_store(const Path& store_root, const StoreClaim& claim, Clock& clock);

/// Whether the store still is that of `owner`; also when its mark cannot be read just now.
bool still_owns(const Path& store_root, const store::StoreOwner& owner);

} // namespace ckpt::daemon
