#include "core/json/fields.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/layout.hpp"
#include "core/store/records_json.hpp"

#include <nlohmann/json.hpp>

// Small files by which the daemon tells a coming attempt what was asked for, and one claim by its
// number.

namespace ckpt::store {
namespace {

using nlohmann::json;

Result<StartWish> start_wish_from_json(const json& object) {
  Fields fields(object, "start.json");
  StartWish wish;
  if (const auto text = fields.optional_text("generation")) {
    wish.generation = GenerationId::parse(*text);
    if (!wish.generation) {
      fields.reject("generation", "no generation: '" + *text + "'");
    }
  }
  wish.attempt_floor = fields.integer_or("attempt_floor", 0);
  if (const Status done = fields.finish(); !done) {
    return tl::unexpected(done.error());
  }
  return wish;
}

Result<RestartOptions> restart_options_from_json(const json& object) {
  Fields fields(object, "restart.json");
  RestartOptions options;
  if (const json* list = fields.raw("sbatch_args"); list != nullptr && list->is_array()) {
    for (const json& item : *list) {
      const json holder = json::object({{"word", item}});
      Fields word(holder, "restart.json");
      options.sbatch_args.push_back(word.bytes("word"));
    }
  }
  options.time_limit = fields.optional_duration("time_limit_seconds");
  options.engine_path = fields.bytes_or("engine_path", "");
  if (const Status done = fields.finish(); !done) {
    return tl::unexpected(done.error());
  }
  return options;
}

Path restart_file(const Path& job) {
  return job / "restart.json";
}

} // namespace

Status JobFolder::write_start(const SubmissionToken& token, const StartWish& wish) const {
  const json object = {
      {"generation", wish.generation ? json(wish.generation->str()) : json(nullptr)},
      {"attempt_floor", wish.attempt_floor},
  };
  return in_turn([&] { return check_token(token); },
                 [&] { return make_directories(submission_dir(token)); },
                 [&] {
                   return write_file_atomically(submission_dir(token) / "start.json",
                                                dump_json_pretty(object) + "\n");
                 });
}

Result<std::optional<StartWish>> JobFolder::read_start(const SubmissionToken& token) const {
  auto wish = read_json_file<StartWish>(submission_dir(token) / "start.json", start_wish_from_json);
  if (!wish && wish.error().code == "no_such_file") {
    return std::nullopt;
  }
  if (!wish) {
    return tl::unexpected(wish.error());
  }
  return *std::move(wish);
}

Status JobFolder::write_restart_options(const RestartOptions& options) const {
  json words = json::array();
  for (const std::string& word : options.sbatch_args) {
    words.push_back(bytes_json(word));
  }
  json object = json::object();
  object["sbatch_args"] = words;
  if (options.time_limit) {
    object["time_limit_seconds"] = seconds_json(*options.time_limit);
  }
  if (!options.engine_path.empty()) {
    object["engine_path"] = bytes_json(options.engine_path);
  }
  return write_file_atomically(restart_file(path_), dump_json_pretty(object) + "\n");
}

Result<RestartOptions> JobFolder::read_restart_options() const {
  auto options = read_json_file<RestartOptions>(restart_file(path_), restart_options_from_json);
  if (!options && options.error().code == "no_such_file") {
    return RestartOptions{};
  }
  return options;
}

Result<std::optional<Claim>> JobFolder::read_claim(AttemptId id) const {
  auto claim = read_json_file<Claim>(claim_file(path_, id), claim_from_json);
  if (!claim && claim.error().code == "no_such_file") {
    return std::nullopt;
  }
  if (!claim) {
    return tl::unexpected(claim.error());
  }
  return *std::move(claim);
}

} // namespace ckpt::store
