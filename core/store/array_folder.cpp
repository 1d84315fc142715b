#include "core/store/array_folder.hpp"

#include "core/base/kill_point.hpp"
#include "core/json/fields.hpp"
#include "core/store/layout.hpp"

#include <unistd.h>

#include <cerrno>

// Invariants: accepted.json is written once all tasks are linked; a link is removed after the job's
// spec.json, so that what is linked and is a job was wished for.

namespace ckpt::store {
namespace {

constexpr mode_t kScriptMode = 0700;

Path arrays_dir(const Path& root) {
  return root / "arrays";
}

Path accepted_file(const Path& array) {
  return array / "accepted.json";
}

Result<ArrayFolder::Acceptance> acceptance_from_json(const nlohmann::json& json) {
  Fields fields(json, "accepted");
  ArrayFolder::Acceptance acceptance;
  acceptance.idempotency_key = fields.text_or("idempotency_key", "");
  const Status fine = fields.finish();
  return fine ? Result<ArrayFolder::Acceptance>(acceptance) : tl::unexpected(fine.error());
}

/// Names in a folder; none where there is no such folder.
std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  return names;
}

} // namespace

ArrayFolder::ArrayFolder(Path store_root, SubmissionToken token)
    : root_(std::move(store_root)), path_(arrays_dir(root_) / token.value) {}

Status ArrayFolder::make() const {
  return in_turn([&] { return make_private_directory(arrays_dir(root_)); },
                 [&] { return make_directory_exclusively(path_); },
                 [&] {
                   kill_point("array.folder");
                   return make_directory_exclusively(tasks());
                 });
}

Status ArrayFolder::link_task(std::int64_t index, JobId job) const {
  const Path link = tasks() / std::to_string(index);
  const Path target = Path("../../../jobs") / job.str();
  if (::symlink(target.c_str(), link.c_str()) != 0 && errno != EEXIST) {
    return tl::unexpected(errno_error(errno, "cannot make the link", link));
  }
  std::error_code error;
  if (std::filesystem::read_symlink(link, error) != target) {
    return fail(ErrorClass::failed, "io_error", link.string() + " is another job's");
  }
  return {};
}

Status ArrayFolder::accept(const std::string& idempotency_key) const {
  return in_turn([&] { return sync_directory(tasks()); },
                 [&] {
                   kill_point("array.tasks");
                   const nlohmann::json json{{"idempotency_key", idempotency_key}};
                   return write_file_atomically(accepted_file(path_), dump_json(json) + "\n");
                 },
                 [&] {
                   kill_point("array.accepted");
                   return Status{};
                 });
}

Result<std::optional<ArrayFolder::Acceptance>> ArrayFolder::accepted() const {
  const auto there = is_there(accepted_file(path_));
  if (!there || !*there) {
    return there ? Result<std::optional<Acceptance>>(std::nullopt) : tl::unexpected(there.error());
  }
  const auto read = read_json_file<Acceptance>(accepted_file(path_), acceptance_from_json);
  return read ? Result<std::optional<Acceptance>>(*read) : tl::unexpected(read.error());
}

Status ArrayFolder::write_batch_script(const std::string& text) const {
  return write_file_atomically(batch_script(), text, kScriptMode);
}

Status ArrayFolder::forget_task(std::int64_t index) const {
  const auto there = is_there(tasks());
  if (!there || !*there) {
    return there ? Status{} : tl::unexpected<Error>(there.error());
  }
  const Status removed = remove_file(tasks() / std::to_string(index));
  kill_point("array.forgotten");
  return removed && names_in(tasks()).empty() ? remove() : removed;
}

Status ArrayFolder::remove() const {
  return in_turn([&] { return remove_tree(path_); },
                 [&] { return sync_directory(arrays_dir(root_)); });
}

Result<std::vector<SubmissionToken>> ArrayFolder::abandoned(const Path& store_root) {
  std::vector<SubmissionToken> tokens;
  for (const std::string& name : names_in(arrays_dir(store_root))) {
    const ArrayFolder folder(store_root, {name});
    bool needed = false;
    for (const std::string& index : names_in(folder.tasks())) {
      const auto job = is_there(folder.tasks() / index / "spec.json");
      if (!job) {
        return tl::unexpected(job.error());
      }
      needed = needed || *job;
    }
    if (!needed) {
      tokens.push_back({name});
    }
  }
  return tokens;
}

} // namespace ckpt::store
