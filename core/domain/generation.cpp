#include "core/domain/generation.hpp"

#include <algorithm>
#include <iterator>

namespace ckpt {
namespace {

/// "2.36" → 2, 36. Compared as numbers: 2.9 is older than 2.36.
std::vector<int> version_numbers(const std::string& text) {
  std::vector<int> numbers;
  int value = 0;
  bool in_number = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      value = value < 100'000 ? value * 10 + (c - '0') : value;
      in_number = true;
    } else if (in_number) {
      numbers.push_back(value);
      value = 0;
      in_number = false;
    }
  }
  if (in_number) {
    numbers.push_back(value);
  }
  return numbers;
}

std::string listed(const std::vector<std::string>& flags) {
  constexpr std::size_t kShown = 5;
  std::string out;
  for (std::size_t i = 0; i < flags.size() && i < kShown; ++i) {
    out += (i == 0 ? "" : ", ") + flags[i];
  }
  if (flags.size() > kShown) {
    out += " and " + std::to_string(flags.size() - kShown) + " more";
  }
  return out;
}

} // namespace

std::uint64_t Manifest::raw_bytes() const {
  std::uint64_t sum = 0;
  for (const StoredFile& image : images) {
    sum += image.raw_bytes;
  }
  for (const SavedFile& file : saved) {
    sum += file.stored.raw_bytes;
  }
  return sum;
}

std::uint64_t Manifest::stored_bytes() const {
  std::uint64_t sum = 0;
  for (const StoredFile& image : images) {
    sum += image.stored_bytes;
  }
  for (const SavedFile& file : saved) {
    sum += file.stored.stored_bytes;
  }
  return sum;
}

std::optional<std::string> restart_obstacle(const HostFingerprint& image,
                                            const EngineVersion& image_engine,
                                            const HostFingerprint& host,
                                            const EngineVersion& engine) {
  if (image_engine.engine != engine.engine) {
    return "the generation was made by " + std::string(word(image_engine.engine)) +
           ", and this host has " + std::string(word(engine.engine));
  }
  if (image_engine.engine == EngineKind::app) {
    return std::nullopt; // the program starts afresh and reads its own files: no memory is restored
  }
  if (image_engine.version != engine.version) {
    return "the generation was made by " + std::string(word(engine.engine)) + " " +
           image_engine.version + ", and " + host.host + " has " + engine.version;
  }
  std::vector<std::string> missing;
  std::set_difference(image.cpu_flags.begin(),
                      image.cpu_flags.end(),
                      host.cpu_flags.begin(),
                      host.cpu_flags.end(),
                      std::back_inserter(missing));
  if (!missing.empty()) {
    return "the processor of " + host.host + " lacks " + listed(missing) + " of " + image.host +
           ", where the generation was made";
  }
  if (!image.glibc.empty() && !host.glibc.empty() &&
      version_numbers(host.glibc) < version_numbers(image.glibc)) {
    return "glibc on " + host.host + " is " + host.glibc + ", older than the " + image.glibc +
           " of " + image.host + ", where the generation was made";
  }
  return std::nullopt;
}

} // namespace ckpt
