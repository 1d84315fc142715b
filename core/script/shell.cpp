// Invariants: every byte is looked at once, and nesting has a bound, so that any text is read in
// linear time; what is not understood is passed over, never guessed at.
#include "core/script/shell.hpp"

#include "core/base/strings.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace ckpt::script {
namespace {

constexpr int kDeepest = 40;

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && (text[0] < '0' || text[0] > '9') &&
         std::all_of(text.begin(), text.end(), fits);
}

bool is_assignment(const ShellWord& word) {
  std::string_view name = std::string_view(word.raw).substr(0, word.raw.find('='));
  if (name.size() == word.raw.size()) {
    return false;
  }
  name = name.substr(0, name.find('['));
  return is_name(name.ends_with('+') ? name.substr(0, name.size() - 1) : name);
}

/// Words after which a command may begin.
constexpr std::array<std::string_view, 11> kReserved{
    "if", "then", "else", "elif", "do", "while", "until", "!", "{", "coproc", "in"};

class Reader {
public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<ShellCommand> read() {
    commands('\0', 0);
    return std::move(found_);
  }

private:
  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void step() {
    if (!at_end() && text_[at_++] == '\n') {
      ++line_;
    }
  }

  /// Up to `until`, which is taken.
  void commands(char until, int depth) {
    ShellCommand command;
    const auto finish = [&](bool background) {
      command.background = background;
      while (!command.words.empty() && command.words.front().literal &&
             is_one_of(kReserved, command.words.front().raw)) {
        command.words.erase(command.words.begin());
      }
      while (!command.words.empty() && is_assignment(command.words.front())) {
        command.words.erase(command.words.begin());
      }
      if (!command.words.empty()) {
        found_.push_back(std::move(command));
      }
      command = {};
    };
    while (!at_end()) {
      const char c = peek();
      if (c == until) {
        step();
        break;
      }
      if (c == '\\' && peek(1) == '\n') {
        step();
        step();
      } else if (c == ' ' || c == '\t' || c == '\r') {
        step();
      } else if (c == '#') {
        while (!at_end() && peek() != '\n') {
          step();
        }
      } else if (c == '\n') {
        finish(false);
        step();
        here_documents();
      } else if (c == '&' && peek(1) == '>') {
        step();
        redirection(depth);
      } else if (c == '(' && peek(1) == '(') { // arithmetic, where << shifts
        balanced('(', ')');
      } else if (c == ';' || c == '|' || c == '&' || c == '(' || c == ')') {
        const bool doubled = peek(1) == c;
        finish(c == '&' && !doubled);
        step();
        if (doubled) {
          step();
        }
      } else if (c == '<' || c == '>') {
        if (peek(1) == '(' && depth < kDeepest) { // process substitution
          step();
          step();
          commands(')', depth + 1);
        } else {
          redirection(depth);
        }
      } else {
        const int line = line_;
        ShellWord word = read_word(until, depth);
        const bool number =
            !word.raw.empty() && word.raw.find_first_not_of("0123456789") == std::string::npos;
        if (number && (peek() == '<' || peek() == '>')) {
          continue; // of the redirection
        }
        if (command.words.empty()) {
          command.line = line;
        }
        command.words.push_back(std::move(word));
        if (command.words.size() == 1 && command.words.front().literal &&
            is_one_of(kReserved, command.words.front().raw)) {
          command.words.clear();
        }
      }
    }
    finish(false);
  }

  void redirection(int depth) {
    const char kind = peek();
    int count = 0;
    while (peek() == kind) {
      step();
      ++count;
    }
    const bool here = kind == '<' && count == 2;
    const bool tabs = here && peek() == '-';
    if (peek() == '&' || peek() == '|' || peek() == '>' || tabs) {
      step();
    }
    while (peek() == ' ' || peek() == '\t') {
      step();
    }
    if (at_end() || peek() == '\n') {
      return;
    }
    const ShellWord target = read_word('\0', depth);
    if (here) {
      waiting_.emplace_back(target.text, tabs);
    }
  }

  /// The texts of the here-documents of the line that has just ended.
  void here_documents() {
    for (const auto& [delimiter, tabs] : std::exchange(waiting_, {})) {
      while (!at_end()) {
        const std::size_t end = std::min(text_.find('\n', at_), text_.size());
        std::string_view line = text_.substr(at_, end - at_);
        while (tabs && line.starts_with('\t')) {
          line.remove_prefix(1);
        }
        at_ = end;
        step();
        if (line == delimiter) {
          break;
        }
      }
    }
  }

  ShellWord read_word(char until, int depth) {
    ShellWord word;
    const std::size_t from = at_;
    while (!at_end()) {
      const char c = peek();
      if (c == until || std::string_view(" \t\n\r;|&()<>").find(c) != std::string_view::npos) {
        break;
      }
      if (c == '\'') {
        single_quoted(word);
      } else if (c == '"') {
        double_quoted(word, depth);
      } else if (c == '\\') {
        step();
        if (peek() != '\n' && !at_end()) {
          word.text += peek();
        }
        step();
      } else if (c == '$' || c == '`') {
        expansion(word, depth);
      } else {
        word.literal = word.literal && c != '*' && c != '?' && c != '[';
        word.text += c;
        step();
      }
    }
    if (at_ == from) { // a closing mark that nothing opened
      word.literal = false;
      step();
    }
    word.raw = std::string(text_.substr(from, at_ - from));
    return word;
  }

  void single_quoted(ShellWord& word) {
    step();
    while (!at_end() && peek() != '\'') {
      word.text += peek();
      step();
    }
    step();
  }

  void double_quoted(ShellWord& word, int depth) {
    step();
    while (!at_end() && peek() != '"') {
      if (peek() == '\\') {
        step();
        word.text += peek();
        step();
      } else if (peek() == '$' || peek() == '`') {
        expansion(word, depth);
      } else {
        word.text += peek();
        step();
      }
    }
    step();
  }

  void expansion(ShellWord& word, int depth) {
    const std::size_t from = at_;
    const bool backtick = peek() == '`';
    word.literal = false;
    step();
    if (depth >= kDeepest) {
      word.text += '$';
      return;
    }
    if (backtick) {
      commands('`', depth + 1);
    } else if (peek() == '(' && peek(1) == '(') {
      balanced('(', ')');
    } else if (peek() == '(') {
      step();
      commands(')', depth + 1);
    } else if (peek() == '{') {
      balanced('{', '}');
    }
    word.text += text_.substr(from, at_ - from);
  }

  void balanced(char open, char close) {
    int level = 0;
    do {
      level += peek() == open ? 1 : peek() == close ? -1 : 0;
      step();
    } while (level > 0 && !at_end());
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<ShellCommand> found_;
  std::vector<std::pair<std::string, bool>> waiting_; ///< delimiters, and whether tabs are cut
};

} // namespace

std::vector<ShellCommand> read_commands(std::string_view script) {
  return Reader(script).read();
}

std::vector<ShellWord> without_wrappers(const std::vector<ShellWord>& words) {
  constexpr std::array<std::string_view, 13> kPlain{"exec",
                                                    "time",
                                                    "nohup",
                                                    "command",
                                                    "builtin",
                                                    "eval",
                                                    "env",
                                                    "nice",
                                                    "ionice",
                                                    "stdbuf",
                                                    "setsid",
                                                    "numactl",
                                                    "catchsegv"};
  std::size_t at = 0;
  while (at < words.size() && words[at].literal) {
    const std::string name = words[at].text.substr(words[at].text.rfind('/') + 1);
    const bool timeout = name == "timeout";
    if (!timeout && !is_one_of(kPlain, name)) {
      break;
    }
    ++at;
    while (at < words.size() && words[at].text.starts_with('-')) {
      const std::string& option = words[at].text;
      ++at;
      const bool takes = option == "-n" || option == "-s" || option == "-k" || option == "-c" ||
                         option == "-o" || option == "-u" || option == "-a";
      at += takes && at < words.size() ? 1U : 0U;
    }
    at += timeout && at < words.size() ? 1U : 0U;
    while (at < words.size() && is_assignment(words[at])) {
      ++at;
    }
  }
  return {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()};
}

} // namespace ckpt::script
