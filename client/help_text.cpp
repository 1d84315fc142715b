#include "client/help_text.hpp"

namespace ckpt::client {

std::string arranged(std::string text) {
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
