#pragma once

#include "core/domain/result.hpp"

#include <string>
#include <vector>

// Mail about a job, as sbatch's options ask for it. Ours is about the job: one at its first start,
// one when it is over or parked, none for an attempt.

namespace ckpt::scheduler {

struct MailWish {
  bool begin = false;
  bool end = false;
  bool fail = false;
  std::string user; ///< address or user name; empty: whoever submitted it
  bool operator==(const MailWish&) const = default;
};

/// `--mail-type` and `--mail-user` among sbatch options. Types as sbatch takes them, in any case;
/// several lists add up, NONE takes back what stands before it. What Slurm sends for an attempt
/// (REQUEUE, TIME_LIMIT…) is known and gives nothing. Errors (usage): `bad_mail_type`,
/// `bad_mail_user`. Options that cannot be read at all give no wish: sbatch has its own words for
/// them. Pure.
Result<MailWish> mail_wish(const std::vector<std::string>& sbatch_args);

/// Where the site's own mails go through.
struct MailSite {
  std::string program; ///< `MailProg`; empty: none
  std::string domain;  ///< `MailDomain`, for plain user names; empty: none
  bool operator==(const MailSite&) const = default;
};

} // namespace ckpt::scheduler
