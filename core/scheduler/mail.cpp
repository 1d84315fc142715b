#include "core/scheduler/mail.hpp"

#include "core/base/strings.hpp"
#include "core/scheduler/slurm/options.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace ckpt::scheduler {
namespace {

constexpr std::array<std::string_view, 9> kOfAttempts{"REQUEUE",
                                                      "INVALID_DEPEND",
                                                      "STAGE_OUT",
                                                      "TIME_LIMIT",
                                                      "TIME_LIMIT_90",
                                                      "TIME_LIMIT_80",
                                                      "TIME_LIMIT_50",
                                                      "ARRAY_TASKS",
                                                      ""};

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return out;
}

Status add_types(const std::string& list, MailWish& wish) {
  for (const std::string& text : split(list, ',')) {
    const std::string type = upper(trim(text));
    if (type == "NONE") {
      wish.begin = wish.end = wish.fail = false;
    } else if (type == "ALL") {
      wish.begin = wish.end = wish.fail = true;
    } else if (type == "BEGIN") {
      wish.begin = true;
    } else if (type == "END") {
      wish.end = true;
    } else if (type == "FAIL") {
      wish.fail = true;
    } else if (std::find(kOfAttempts.begin(), kOfAttempts.end(), type) == kOfAttempts.end()) {
      return fail(ErrorClass::usage,
                  "bad_mail_type",
                  "'" + text + "' is no type of mail",
                  "--mail-type takes BEGIN, END, FAIL, ALL or NONE");
    }
  }
  return {};
}

/// It becomes an argument of a mail program, and a line of a header.
bool is_address(const std::string& text) {
  return text.empty() || (text.front() != '-' && std::none_of(text.begin(), text.end(), [](char c) {
                            return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
                          }));
}

} // namespace

Result<MailWish> mail_wish(const std::vector<std::string>& sbatch_args) {
  MailWish wish;
  const auto options = slurm::parse_options(sbatch_args);
  if (!options) {
    return wish;
  }
  for (const slurm::SbatchOption& option : *options) {
    if (option.name == "mail-type") {
      if (const Status added = add_types(option.value.value_or(""), wish); !added) {
        return tl::unexpected(added.error());
      }
    } else if (option.name == "mail-user") {
      wish.user = option.value.value_or("");
    }
  }
  if (!is_address(wish.user)) {
    return fail(ErrorClass::usage,
                "bad_mail_user",
                "'" + wish.user + "' is no address of mail",
                "write --mail-user=you@example.org");
  }
  return wish;
}

} // namespace ckpt::scheduler
