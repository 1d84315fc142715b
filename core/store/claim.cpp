// Invariants: one winner a number, numbers without gaps, one claim a (token, restart count). All of
// it rests on link(2) alone: whoever scans from 1 to the first free number has read every claim
// before it, and the link fails if another one was faster.

#include "core/base/clock.hpp"
#include "core/base/kill_point.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/journal.hpp"
#include "core/store/layout.hpp"
#include "core/store/records_json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::store {

namespace {

constexpr int kMostTries = 1000; // each lost race means that another runner has claimed

Result<Claim> claim_at(const Path& job, AttemptId attempt) {
  return read_json_file<Claim>(claim_file(job, attempt), claim_from_json);
}

bool same_caller(const Claim& a, const Claim& b) {
  return a.host == b.host && a.boot_id == b.boot_id && a.pid == b.pid &&
         a.start_ticks == b.start_ticks;
}

tl::unexpected<Error> revoked(const SubmissionToken& token) {
  return fail(ErrorClass::refused,
              "token_revoked",
              "submission " + token.value + " was revoked: this allocation must not run the job");
}

Status make_attempt_folders(const AttemptFolder& folder) {
  return in_turn([&] { return make_directories(folder.path()); },
                 [&] { return make_directories(folder.images()); },
                 [&] { return make_directories(folder.path() / "orders"); });
}

/// What the scan finds: the claim of this token and restart count, or the first free number.
struct Scan {
  std::optional<Claim> ours;
  AttemptId free;
};

Result<Scan> scan(const Path& job, const Claim& wish, AttemptId from) {
  for (AttemptId id = from;; ++id.value) {
    auto claim = claim_at(job, id);
    if (!claim && claim.error().code == "no_such_file") {
      return Scan{std::nullopt, id};
    }
    if (!claim) {
      return tl::unexpected(claim.error());
    }
    if (claim->token == wish.token && claim->restart_count == wish.restart_count) {
      return Scan{*std::move(claim), id};
    }
  }
}

/// A claim that was revoked between look and link holds a number that nobody will use: say so in
/// its journal, and no later attempt waits for it.
tl::unexpected<Error> give_up(const AttemptFolder& folder, const SubmissionToken& token) {
  AttemptEvent event;
  event.kind = AttemptEventKind::ended;
  event.code = "token_revoked";
  event.reason = "the submission was revoked while it was claiming";
  event.end_reason = EndReason::fenced;
  if (make_attempt_folders(folder)) {
    (void)AttemptJournal(folder.journal()).append(event); // the lease that never was does the rest
  }
  return revoked(token);
}

} // namespace

Result<Claim> JobFolder::claim(Claim wish) const {
  if (wish.at == TimePoint{}) {
    wish.at = system_clock().now();
  }
  if (const Status safe = check_token(wish.token); !safe) {
    return tl::unexpected(safe.error());
  }
  const Path marker = revoked_file(path_, wish.token);
  if (const auto before = is_there(marker); !before || *before) {
    return before ? revoked(wish.token) : tl::unexpected<Error>(before.error());
  }
  AttemptId from{1};
  for (int tries = 0; tries < kMostTries; ++tries) {
    auto found = scan(path_, wish, from);
    if (!found) {
      return tl::unexpected(found.error());
    }
    if (!found->ours) {
      from = wish.attempt = found->free;
      kill_point("claim.link");
      const Status linked =
          create_file_exclusively(claim_file(path_, wish.attempt), dump_json(to_json(wish)));
      if (!linked && linked.error().code == "file_exists") {
        continue;
      }
      if (!linked) {
        return tl::unexpected(linked.error());
      }
      kill_point("claim.linked");
    } else if (!same_caller(*found->ours, wish)) {
      return fail(ErrorClass::conflict,
                  "already_claimed",
                  "restart " + std::to_string(wish.restart_count) + " of submission " +
                      wish.token.value + " was claimed as attempt " + found->ours->attempt.str() +
                      " by process " + std::to_string(found->ours->pid) + " on " +
                      found->ours->host);
    } else {
      wish = *found->ours;
    }
    // The other side revokes first and looks at the claims then: one of the two sees the other.
    const auto after = is_there(marker);
    if (!after || *after) {
      return after ? give_up(attempt(wish.attempt), wish.token)
                   : tl::unexpected<Error>(after.error());
    }
    kill_point("claim.folder");
    const Status made = make_attempt_folders(attempt(wish.attempt));
    kill_point("claim.done");
    return made ? Result<Claim>(wish) : tl::unexpected(made.error());
  }
  return fail(ErrorClass::failed,
              "claim_unreadable",
              claim_file(path_, from).string() + " exists and cannot be read",
              "",
              Outcome::retryable);
}

Result<std::vector<Claim>> JobFolder::read_claims() const {
  std::vector<Claim> claims;
  for (AttemptId id{1};; ++id.value) {
    auto claim = claim_at(path_, id);
    if (!claim && claim.error().code == "no_such_file") {
      return claims;
    }
    if (!claim) {
      return tl::unexpected(claim.error());
    }
    claims.push_back(*std::move(claim));
  }
}

Status JobFolder::revoke(const SubmissionToken& token) const {
  return in_turn([&] { return check_token(token); },
                 [&] { return make_directories(attempts_dir(path_)); },
                 [&] { return write_file_atomically(revoked_file(path_, token), "revoked\n"); });
}

bool JobFolder::is_revoked(const SubmissionToken& token) const {
  return is_there(revoked_file(path_, token)).value_or(false);
}

} // namespace ckpt::store
