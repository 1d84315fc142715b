#include "client/help_text.hpp"

#include "client/format.hpp"
#include "core/base/strings.hpp"

namespace ckpt::client {

namespace {

constexpr std::size_t kWidth = 79;      // of a terminal that is 80 wide
constexpr std::size_t kHelpColumn = 30; // where the library puts what an option means

/// No line wider than a terminal; what an option or a command means goes on below itself.
std::string fitted(const std::string& text) {
  std::string out;
  for (const std::string& line : split_lines(text)) {
    const bool entry = line.starts_with("  ") && line.size() > kHelpColumn;
    const std::size_t from = entry ? kHelpColumn : 0;
    std::string rest = wrapped(line.substr(from), kWidth - from, 0);
    for (std::size_t at = 0; (at = rest.find('\n', at)) != std::string::npos; at += from + 1) {
      rest.insert(at + 1, from, ' ');
    }
    out += (display_width(line) > kWidth ? line.substr(0, from) + rest : line) + "\n";
  }
  return out;
}

} // namespace

std::string arranged(std::string text) {
  text = fitted(text);
  for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
    text.erase(at, 1);
  }
  const std::string general = "\nGeneral:\n";
  const std::size_t begin = text.find(general);
  const std::size_t end = begin == std::string::npos ? begin : text.find("\n\n", begin + 1);
  if (end == std::string::npos) {
    return text;
  }
  const std::string block = text.substr(begin, end + 1 - begin);
  text.erase(begin, block.size());
  // A footer, if there is one, is the last paragraph; options are indented.
  const std::size_t footer = text.rfind("\n\n");
  const bool has_footer = footer != std::string::npos && footer + 2 < text.size() &&
                          text.find(":\n  ", footer) == std::string::npos;
  return text.insert(has_footer ? footer + 1 : text.size(), block);
}

std::string tidy(std::string message) {
  while (!message.empty() && (message.back() == '.' || message.back() == '\n')) {
    message.pop_back();
  }
  return message;
}

} // namespace ckpt::client
