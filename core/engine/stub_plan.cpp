// The stub's plan as text: one `key=value` a line, with newline, percent and NUL as %XX. Nothing is
// guessed: an unknown key or a bad number is an error, because a plan half understood would start
// somebody's program in the wrong place.

#include "core/base/strings.hpp"
#include "core/engine/stub.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace ckpt::engine {
namespace {

constexpr std::string_view kFirstLine = "ckpt-stub 1";
constexpr std::string_view kDigits = "0123456789abcdef";

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '%' || c == '\n' || c == '\r' || c == '\0') {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 15U];
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) {
      return std::nullopt;
    }
    const char* begin = text.data() + i + 1;
    const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
    if (error != std::errc{} || end != begin + 2) {
      return std::nullopt;
    }
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

using IntField = std::pair<std::string_view, int StubPlan::*>;
using BoolField = std::pair<std::string_view, bool StubPlan::*>;
using TextField = std::pair<std::string_view, std::string StubPlan::*>;

constexpr IntField kInts[] = {{"umask", &StubPlan::umask},
                              {"death_signal", &StubPlan::death_signal},
                              {"parent_pid", &StubPlan::parent_pid},
                              {"inherit_fd", &StubPlan::inherit_fd},
                              {"inherit_as", &StubPlan::inherit_as}};
constexpr BoolField kBools[] = {{"new_session", &StubPlan::new_session},
                                {"ignore_term", &StubPlan::ignore_term},
                                {"ignore_pipe", &StubPlan::ignore_pipe},
                                {"no_aslr", &StubPlan::no_aslr}};
constexpr TextField kTexts[] = {{"cwd", &StubPlan::cwd},
                                {"stdin", &StubPlan::stdin_path},
                                {"stdout", &StubPlan::stdout_path},
                                {"stderr", &StubPlan::stderr_path}};

bool set_field(StubPlan& plan, std::string_view key, const std::string& value) {
  if (key == "argv") {
    plan.argv.push_back(value);
    return true;
  }
  if (key == "env") {
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0) {
      return false;
    }
    plan.env[value.substr(0, equals)] = value.substr(equals + 1);
    return true;
  }
  for (const auto& [name, member] : kTexts) {
    if (key == name) {
      plan.*member = value;
      return true;
    }
  }
  const std::optional<int> parsed = number(value);
  if (!parsed) {
    return false;
  }
  for (const auto& [name, member] : kInts) {
    if (key == name) {
      plan.*member = *parsed;
      return true;
    }
  }
  for (const auto& [name, member] : kBools) {
    if (key == name && (*parsed == 0 || *parsed == 1)) {
      plan.*member = *parsed == 1;
      return true;
    }
  }
  return false;
}

} // namespace

std::string encode_stub_plan(const StubPlan& plan) {
  std::string out(kFirstLine);
  out += '\n';
  const auto line = [&out](std::string_view key, std::string_view value) {
    out += key;
    out += '=';
    out += escape(value);
    out += '\n';
  };
  for (const auto& word : plan.argv) {
    line("argv", word);
  }
  for (const auto& [name, value] : plan.env) {
    line("env", name + "=" + value);
  }
  for (const auto& [name, member] : kTexts) {
    line(name, plan.*member);
  }
  for (const auto& [name, member] : kInts) {
    line(name, std::to_string(plan.*member));
  }
  for (const auto& [name, member] : kBools) {
    line(name, plan.*member ? "1" : "0");
  }
  line("end", "");
  return out;
}

Result<StubPlan> decode_stub_plan(const std::string& text) {
  const auto bad = [](const std::string& what) {
    return fail(ErrorClass::failed, "bad_stub_plan", "the stub's plan cannot be read: " + what);
  };
  const std::vector<std::string> lines = split_lines(text);
  if (lines.empty() || lines.front() != kFirstLine) {
    return bad("its first line is not “" + std::string(kFirstLine) + "”");
  }
  if (lines.back() != "end=") {
    return bad("it is cut off");
  }
  StubPlan plan;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::string_view current = lines[i];
    const std::size_t equals = current.find('=');
    const auto value =
        equals == std::string_view::npos ? std::nullopt : unescape(current.substr(equals + 1));
    if (!value || !set_field(plan, current.substr(0, equals), *value)) {
      return bad("line " + std::to_string(i + 1));
    }
  }
  if (plan.argv.empty()) {
    return bad("it names no program");
  }
  return plan;
}

} // namespace ckpt::engine
