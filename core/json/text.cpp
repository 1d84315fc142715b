// Text to JSON and back. The parser's own rules are not strict enough (of duplicate keys the last
// one wins, nesting has no bound), so one pass looks before a second one builds.

#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <vector>

namespace ckpt {

namespace {

constexpr std::size_t kDeepest = 64; // writing recurses, so depth is bounded on the way in

class Checker : public nlohmann::json_sax<nlohmann::json> {
public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }

  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      problem = "the name '" + name + "' is there twice";
      return false;
    }
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string& last_token,
                   const nlohmann::json::exception&) override {
    problem = "syntax error at byte " + std::to_string(position);
    if (!last_token.empty() && last_token.size() <= 40) {
      problem += " (near '" + last_token + "')";
    }
    return false;
  }

  std::string problem;

private:
  bool enter() {
    keys_.emplace_back();
    if (keys_.size() > kDeepest) {
      problem = "nested deeper than " + std::to_string(kDeepest) + " levels";
      return false;
    }
    return true;
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }
  std::vector<std::set<std::string>> keys_;
};

} // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  Checker checker;
  if (!nlohmann::json::sax_parse(text, &checker)) {
    return fail(ErrorClass::usage, "invalid_json", "not valid JSON: " + checker.problem);
  }
  nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return fail(ErrorClass::usage, "invalid_json", "not valid JSON");
  }
  return json;
}

std::string dump_json(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string dump_json_pretty(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace ckpt
