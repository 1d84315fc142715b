// Invariants: a line counts only when its number is the next one and number, length and CRC agree.
// What follows the last such line is torn (the start of a line whose writer died: no newline ends
// it) or damaged (anything else).

#include "core/store/lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace ckpt::store {

namespace {

constexpr std::uint32_t kPolynomial = 0xEDB88320; // CRC-32 of zlib and Ethernet, reflected
constexpr std::size_t kCrcDigits = 8;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? (value >> 1U) ^ kPolynomial : value >> 1U;
    }
    table[i] = value;
  }
  return table;
}

constexpr auto kTable = make_table();

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc = kTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xFFU] ^ (crc >> 8U);
  }
  return ~crc;
}

static_assert(kTable[255] == 0x2D02EF8D);

std::string crc_text(std::int64_t number, std::string_view json) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::uint32_t crc = crc32(std::to_string(number) + " " + std::string(json));
  std::string text;
  for (unsigned shift = 32; shift > 0;) {
    shift -= 4;
    text += kDigits[(crc >> shift) & 0xFU];
  }
  return text;
}

/// Takes a number as we write it and the blank behind it off the front of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || length == text.size() || *end != ' ' || value < 0 ||
      std::to_string(value) != text.substr(0, length)) {
    return std::nullopt;
  }
  text.remove_prefix(length + 1);
  return value;
}

/// The JSON at the start of `text`, if a whole and good line is there (its newline apart).
std::optional<std::string_view> take_line(std::string_view text, std::int64_t number) {
  const auto found = take_number(text);
  const auto length = found == number ? take_number(text) : std::nullopt;
  if (!length || text.size() < kCrcDigits + 1 || text[kCrcDigits] != ' ' ||
      text.size() - kCrcDigits - 1 < static_cast<std::uint64_t>(*length)) {
    return std::nullopt;
  }
  const std::string_view json = text.substr(kCrcDigits + 1, static_cast<std::size_t>(*length));
  if (text.substr(0, kCrcDigits) != crc_text(number, json)) {
    return std::nullopt;
  }
  return json;
}

} // namespace

std::string frame_line(std::int64_t number, const std::string& json) {
  return std::to_string(number) + " " + std::to_string(json.size()) + " " + crc_text(number, json) +
         " " + json + "\n";
}

Lines parse_lines(std::string_view text, ReadPosition position) {
  Lines lines;
  lines.position = position;
  while (!text.empty()) {
    const auto json = take_line(text, lines.position.next_number);
    const std::size_t newline =
        json ? static_cast<std::size_t>(json->data() + json->size() - text.data()) : 0;
    if (!json || newline >= text.size() || text[newline] != '\n') {
      const bool ends_short = text.find('\n') == std::string_view::npos;
      lines.torn = ends_short && (!json || newline == text.size());
      lines.damaged = !lines.torn;
      return lines;
    }
    lines.json.emplace_back(*json);
    text.remove_prefix(newline + 1);
    lines.position.offset += newline + 1;
    ++lines.position.next_number;
    lines.ends.push_back(lines.position.offset);
  }
  return lines;
}

Result<Lines> read_lines(const Path& file, ReadPosition position) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) {
      return Lines{{}, {}, position};
    }
    return tl::unexpected(errno_error(errno, "cannot open", file));
  }
  std::string text;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t count = ::pread(
        fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(position.offset + text.size()));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return tl::unexpected(errno_error(errno, "cannot read", file));
    }
    if (count == 0) {
      return parse_lines(text, position);
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

} // namespace ckpt::store
