#include "api/problem.hpp"

#include "core/domain/words.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt {
CKPT_WORDS(ErrorClass, failed, usage, not_found, conflict, no_daemon, refused, unusable, timed_out);
CKPT_WORDS(Outcome, retryable, permanent, unknown);
} // namespace ckpt

namespace ckpt::api {
namespace {

struct ClassRow {
  ErrorClass cls;
  int http;
  int exit;
  std::string_view title;
};

constexpr std::array kClasses{
    ClassRow{ErrorClass::failed, 500, 1, "It failed"},
    ClassRow{ErrorClass::usage, 400, 2, "The request is wrong"},
    ClassRow{ErrorClass::not_found, 404, 3, "There is no such thing"},
    ClassRow{ErrorClass::conflict, 409, 4, "The state does not allow it"},
    ClassRow{ErrorClass::no_daemon, 503, 5, "The daemon is not there"},
    ClassRow{ErrorClass::refused, 422, 6, "Refused"},
    ClassRow{ErrorClass::unusable, 503, 7, "Engine or scheduler cannot be used"},
    ClassRow{ErrorClass::timed_out, 504, 8, "Timed out"},
};

const ClassRow& row_of(ErrorClass cls) {
  for (const ClassRow& row : kClasses) {
    if (row.cls == cls) {
      return row;
    }
  }
  return kClasses.front();
}

ErrorClass class_of_status(int status) {
  for (const ClassRow& row : kClasses) {
    if (row.http == status) {
      return row.cls;
    }
  }
  return status >= 400 && status < 500 ? ErrorClass::usage : ErrorClass::failed;
}

} // namespace

int http_status(ErrorClass cls) {
  return row_of(cls).http;
}
int exit_status(ErrorClass cls) {
  return row_of(cls).exit;
}

std::string problem_body(const Error& error, int status) {
  const ClassRow& row = row_of(error.cls);
  return dump_json(nlohmann::json{
      {"type", "about:blank"},
      {"title", row.title},
      {"status", status == 0 ? row.http : status},
      {"detail", error.message},
      {"code", error.code},
      {"advice", error.advice},
      {"class", word(error.cls)},
      {"outcome", word(error.outcome)},
  });
}

Error error_from_problem(int status, std::string_view body) {
  const auto json = parse_json(body);
  const auto text = [&](const char* name) {
    const auto found = json->find(name);
    return found != json->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json || !json->is_object() || text("code").empty()) {
    return Error{class_of_status(status),
                 Outcome::unknown,
                 "unexpected_reply",
                 "something that is not ckptd answered with HTTP status " + std::to_string(status),
                 "Look at `ckpt paths` and `ckpt daemon status`."};
  }
  return Error{from_word<ErrorClass>(text("class")).value_or(class_of_status(status)),
               from_word<Outcome>(text("outcome")).value_or(Outcome::permanent),
               text("code"),
               text("detail"),
               text("advice")};
}

} // namespace ckpt::api
