#include "core/store/job_folder.hpp"

#include "core/base/kill_point.hpp"
#include "core/base/strings.hpp"
#include "core/store/layout.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ckpt::store {

Result<bool> is_there(const Path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) {
    return true;
  }
  if (errno == ENOENT) {
    return false;
  }
  return tl::unexpected(errno_error(errno, "cannot look at", path));
}

namespace {

constexpr std::size_t kLongestToken = 64;

} // namespace

Status check_token(const SubmissionToken& token) {
  constexpr std::string_view kDigits = "0123456789";
  const std::string_view text = token.value;
  const std::string_view random = text.substr(0, text.find('.'));
  const std::string_view index = text.substr(std::min(random.size() + 1, text.size()));
  const bool of_task = random.size() != text.size(); // "T.7"
  const bool safe =
      !random.empty() && text.size() <= kLongestToken &&
      random.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == std::string_view::npos &&
      (!of_task || (!index.empty() && index.find_first_not_of(kDigits) == std::string_view::npos));
  return safe ? Status{}
              : fail(ErrorClass::usage,
                     "invalid_token",
                     "'" + token.value + "' is no submission token");
}

Result<JobSpec> JobFolder::read_spec() const {
  return read_json_file<JobSpec>(path_ / "spec.json", job_spec_from_json);
}

std::string JobFolder::creator() const {
  const auto text = read_file(creator_file(path_));
  return text ? std::string(trim(*text)) : std::string();
}

Result<Policy> JobFolder::read_policy() const {
  return read_json_file<Policy>(path_ / "policy.json", policy_from_json);
}

Status JobFolder::write_policy(const Policy& policy) const {
  kill_point("policy.write");
  const Status written =
      write_file_atomically(path_ / "policy.json", dump_json_pretty(to_json(policy)) + "\n");
  kill_point("policy.written");
  return written;
}

Path JobFolder::submission_dir(const SubmissionToken& token) const {
  return submissions_dir(path_) / token.value;
}

Result<Path> JobFolder::prepare_submission(const SubmissionToken& token,
                                           const std::string& batch_script) const {
  const Path script = submission_dir(token) / "batch.sh";
  const Status done = in_turn([&] { return check_token(token); },
                              [&] { return make_directories(submission_dir(token)); },
                              [&] { return write_file_atomically(script, batch_script, 0700); });
  if (!done) {
    return tl::unexpected(done.error());
  }
  return script;
}

Result<Path> JobFolder::fix_output(const std::string& stream, const Path& resolved) const {
  if ((stream != "stdout" && stream != "stderr") || !resolved.is_absolute()) {
    return fail(ErrorClass::usage,
                "invalid_output",
                "cannot link " + stream + " to '" + resolved.string() + "'");
  }
  return fix_link(stream, resolved);
}

std::optional<Path> JobFolder::output(const std::string& stream) const {
  std::error_code error;
  Path target = std::filesystem::read_symlink(path_ / stream, error);
  return error ? std::nullopt : std::optional(std::move(target));
}

Result<Path> JobFolder::fix_tmpdir(const Path& wanted) const {
  return fix_link("tmpdir", wanted);
}

Result<Path> JobFolder::fix_link(const std::string& name, const Path& target) const {
  if (::symlink(target.c_str(), (path_ / name).c_str()) != 0 && errno != EEXIST) {
    return tl::unexpected(errno_error(errno, "cannot make the link", path_ / name));
  }
  kill_point("output.linked");
  if (const Status synced = sync_directory(path_); !synced) {
    return tl::unexpected(synced.error());
  }
  const auto there = output(name);
  if (!there) {
    return fail(ErrorClass::failed, "io_error", (path_ / name).string() + " is no link");
  }
  return *there;
}

} // namespace ckpt::store
