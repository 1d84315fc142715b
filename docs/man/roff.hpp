#pragma once

#include <string>
#include <utility>
#include <vector>

// A manual page in the man(7) macros. Pure.

namespace ckpt::man {

/// `text` as one piece of running text: what stands between backticks is bold, nothing is taken for
/// a request.
std::string inline_text(const std::string& text);

class Page {
public:
  /// `date`: YYYY-MM-DD.
  Page(const std::string& title, int section, const std::string& date, const std::string& volume);

  Page& section(const std::string& title);
  Page& subsection(const std::string& title);
  /// One paragraph; single line ends in it are spaces.
  Page& text(const std::string& paragraph);
  /// A term with what it means. `term` has its mark-up already (see bold, italic, inline_text).
  Page& item(const std::string& term, const std::string& meaning);
  /// Lines that stay as they are.
  Page& example(const std::vector<std::string>& lines);
  Page& see_also(const std::vector<std::pair<std::string, int>>& pages);
  const std::string& str() const { return out_; }

private:
  std::string paragraph_break() const;
  std::string out_;
};

std::string bold(const std::string& text);
std::string italic(const std::string& text);

} // namespace ckpt::man
