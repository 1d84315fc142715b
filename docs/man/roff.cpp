#include "docs/man/roff.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace ckpt::man {
namespace {

/// What is not ASCII, as escapes that every formatter knows.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kSigns{{
    {"…", "..."},
    {"×", "\\(mu"},
    {"→", "\\(->"},
    {"–", "\\(en"},
}};

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool sign = false;
    for (const auto& [from, to] : kSigns) {
      if (text.substr(i, from.size()) == from) {
        out += to;
        i += from.size() - 1;
        sign = true;
        break;
      }
    }
    if (sign) {
      continue;
    }
    switch (text[i]) {
    case '\\':
      out += "\\e";
      break;
    case '-': // a plain one would become a hyphen, which cannot be pasted into a shell
      out += "\\-";
      break;
    case '\'':
      out += "\\(aq";
      break;
    case '^':
      out += "\\(ha";
      break;
    case '~':
      out += "\\(ti";
      break;
    case '\n':
      out += ' ';
      break;
    default:
      out += text[i];
    }
  }
  return out;
}

/// A line that begins with a dot would be a request.
std::string line(const std::string& text) {
  return (text.starts_with(".") ? "\\&" : "") + text + "\n";
}

std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 4) {
    text.replace(at, 1, "\\(dq");
  }
  return "\"" + text + "\"";
}

} // namespace

std::string inline_text(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  bool inside = false;
  while (at <= text.size()) {
    const std::size_t tick = std::min(text.find('`', at), text.size());
    const std::string piece = text.substr(at, tick - at);
    const bool closed = text.find('`', tick) != std::string::npos;
    out += inside ? bold(piece) : escaped(piece);
    if (tick < text.size() && !inside && text.find('`', tick + 1) == std::string::npos) {
      out += escaped(text.substr(tick)); // one alone is itself
      break;
    }
    inside = closed && !inside;
    at = tick + 1;
  }
  return out;
}

std::string bold(const std::string& text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(const std::string& text) {
  return "\\fI" + escaped(text) + "\\fR";
}

Page::Page(const std::string& title,
           int section,
           const std::string& date,
           const std::string& volume) {
  out_ = ".\\\" Made by the build from the programs' own descriptions: change those.\n.TH " +
         title + " " + std::to_string(section) + " " + date + " \"ckptd " CKPT_VERSION "\" " +
         quoted(volume) + "\n";
}

Page& Page::section(const std::string& title) {
  std::string capitals = title; // mandb looks for NAME
  for (char& letter : capitals) {
    letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  out_ += ".SH " + quoted(escaped(capitals)) + "\n";
  return *this;
}

Page& Page::subsection(const std::string& title) {
  out_ += ".SS " + quoted(inline_text(title)) + "\n";
  return *this;
}

/// Right behind a heading a .PP would do nothing, and a linter says so.
std::string Page::paragraph_break() const {
  const std::size_t last = out_.rfind('\n', out_.size() - 2) + 1;
  const bool heading = out_.compare(last, 3, ".SH") == 0 || out_.compare(last, 3, ".SS") == 0;
  return heading ? "" : ".PP\n";
}

Page& Page::text(const std::string& paragraph) {
  out_ += paragraph_break() + line(inline_text(paragraph));
  return *this;
}

Page& Page::item(const std::string& term, const std::string& meaning) {
  out_ += ".TP\n" + line(term) + line(meaning.empty() ? "\\&" : inline_text(meaning));
  return *this;
}

Page& Page::example(const std::vector<std::string>& lines) {
  out_ += paragraph_break() + ".nf\n.RS 4\n";
  for (const std::string& one : lines) {
    out_ += line(escaped(one));
  }
  out_ += ".RE\n.fi\n";
  return *this;
}

Page& Page::see_also(const std::vector<std::pair<std::string, int>>& pages) {
  section("See also");
  for (std::size_t i = 0; i < pages.size(); ++i) {
    out_ += ".BR " + escaped(pages[i].first) + " (" + std::to_string(pages[i].second) + ")" +
            (i + 1 < pages.size() ? "," : "") + "\n";
  }
  return *this;
}

} // namespace ckpt::man
