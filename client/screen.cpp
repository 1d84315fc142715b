#include "client/screen.hpp"

#include "client/format.hpp"
#include "core/base/strings.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace ckpt::client {
namespace {

constexpr const char* kEnter = "\033[?1049h\033[?25l"; // another page, no cursor
constexpr const char* kLeave = "\033[?25h\033[?1049l";

winsize size_of(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
    size.ws_col = 80;
    size.ws_row = 24;
  }
  return size;
}

void put(std::FILE* out, const std::string& text) {
  (void)std::fwrite(text.data(), 1, text.size(), out);
  (void)std::fflush(out);
}

} // namespace

std::string frame(const std::string& text, std::size_t rows, const std::string& more) {
  const std::vector<std::string> lines = split_lines(text);
  std::string shown = "\033[H";
  for (std::size_t i = 0; i < lines.size() && i < rows; ++i) {
    const bool cut = i + 1 == rows && lines.size() > rows;
    shown += (i == 0 ? "" : "\r\n") + (cut ? more : lines[i]) + "\033[K";
  }
  return shown + "\033[J";
}

bool Screen::possible(std::FILE* out) {
  const char* const term = std::getenv("TERM");
  return isatty(fileno(out)) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

Screen::Screen(std::FILE* out, std::string cluster) : out_(out), cluster_(std::move(cluster)) {
  put(out_, kEnter);
}

Screen::~Screen() {
  put(out_, kLeave);
}

Status Screen::show(const std::string& head,
                    const std::string& more,
                    const std::function<Status(Output&)>& draw) {
  const winsize size = size_of(out_);
  char* text = nullptr;
  std::size_t length = 0;
  std::FILE* const memory = ::open_memstream(&text, &length);
  if (memory == nullptr) {
    return fail(ErrorClass::failed, "no_memory", "there is no memory for the picture");
  }
  constexpr std::size_t kAround = 2; // the head, and the mark that something is cut off
  const std::size_t rows = std::max<std::size_t>(size.ws_row, kAround + 1) - kAround;
  const bool colour = std::getenv("NO_COLOR") == nullptr;
  const auto output = make_human_output(memory, size.ws_col, colour, rows);
  output->name_cluster(cluster_);
  const Status drawn = draw(*output);
  (void)std::fclose(memory);
  if (drawn) {
    put(out_,
        frame(printable(shortened(head, size.ws_col)) + "\n" + std::string(text, length),
              size.ws_row,
              shortened(in_cluster(more, cluster_), size.ws_col)));
  }
  std::free(text); // NOLINT: open_memstream's
  return drawn;
}

} // namespace ckpt::client
