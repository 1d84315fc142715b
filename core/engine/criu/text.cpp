#include "core/engine/criu/text.hpp"

#include "core/base/strings.hpp"

#include <charconv>

namespace ckpt::engine::criu {
namespace {

constexpr char kSeparator = '\0'; // the one byte that no path can hold

// Lines are fields of a file name each, which may itself hold a newline.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      out += text[i] == 'n' ? '\n' : text[i];
    } else {
      out += text[i];
    }
  }
  return out;
}

// "(00.012) Error (criu/files-reg.c:2277): File x has bad size" → "File x has bad size"
std::string_view bare(std::string_view line) {
  const std::size_t error = line.find("Error (");
  const std::size_t end = line.find("): ", error);
  return end == std::string_view::npos ? line.substr(error) : line.substr(end + 3);
}

} // namespace

std::optional<std::string> parse_version(std::string_view output) {
  constexpr std::string_view kLabel = "Version: ";
  for (const std::string& line : split_lines(output)) {
    if (line.starts_with(kLabel)) {
      return std::string(trim(std::string_view(line).substr(kLabel.size())));
    }
  }
  return std::nullopt;
}

bool at_least_major(std::string_view version, int major) {
  int found = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), found);
  return error == std::errc{} && found >= major;
}

std::string first_errors(std::string_view log, std::size_t lines) {
  std::vector<std::string> found;
  for (const std::string& line : split_lines(log)) {
    // An ordinary container's limit; CRIU says so in every run and goes on.
    const bool harmless = line.find("rlimit: Can't setup RLIMIT_NOFILE") != std::string::npos;
    if (!harmless && line.find("Error (") != std::string::npos && found.size() < lines) {
      found.emplace_back(trim(bare(line)));
    }
  }
  return join(found, "; ");
}

namespace {

std::optional<std::uint64_t> read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80U) {
      return value;
    }
  }
  return std::nullopt;
}

} // namespace

// Two magics, the length, then a message stats_entry { dump_stats_entry dump = 1 }, of which field
// 2 is the time; all fields before it are numbers.
std::optional<std::uint64_t> parse_frozen_microseconds(std::string_view stats) {
  constexpr std::size_t kHead = 12;
  constexpr std::uint64_t kDump = (1U << 3U) | 2U;
  constexpr std::uint64_t kFrozenTime = 2U << 3U;
  if (stats.size() < kHead) {
    return std::nullopt;
  }
  stats.remove_prefix(kHead);
  if (read_varint(stats) != kDump || !read_varint(stats)) {
    return std::nullopt;
  }
  for (auto key = read_varint(stats); key && (*key & 7U) == 0; key = read_varint(stats)) {
    const auto value = read_varint(stats);
    if (key == kFrozenTime) {
      return value;
    }
    if (!value) {
      break;
    }
  }
  return std::nullopt;
}

// Two magics, the length, then a message ghost_file_entry { uid = 1, gid = 2, … }, both numbers.
bool is_foreign_ghost(std::string_view image) {
  constexpr std::size_t kHead = 12;
  constexpr std::uint64_t kNobody =
      65534; // /proc/sys/kernel/overflowuid, unless an operator wishes
  if (image.size() < kHead) {
    return true;
  }
  image.remove_prefix(kHead);
  for (const std::uint64_t field : {1U, 2U}) {
    const auto key = read_varint(image);
    const auto value = read_varint(image);
    if (key != field << 3U || !value || *value == kNobody) {
      return true;
    }
  }
  return false;
}

std::string encode(const Message& message) {
  std::string text = message.word;
  for (const std::string& argument : message.arguments) {
    text += kSeparator;
    text += argument;
  }
  return text;
}

Message decode(std::string_view text) {
  std::vector<std::string> parts = split(text, kSeparator);
  Message message;
  message.word = parts.front();
  message.arguments.assign(parts.begin() + 1, parts.end());
  return message;
}

std::string encode(const DumpNotes& notes) {
  std::string text =
      "out " + escape(notes.stdout_path) + "\nerr " + escape(notes.stderr_path) + "\n";
  for (const OpenFile& file : notes.files) {
    text += "file " + std::to_string(file.bytes) + " " + escape(file.path) + "\n";
  }
  return text + "end\n";
}

Result<DumpNotes> decode_notes(const std::string& text) {
  DumpNotes notes;
  for (const std::string& line : split_lines(text)) {
    const std::string_view view(line);
    const std::string_view rest = view.substr(std::min(view.find(' '), view.size() - 1) + 1);
    if (view.starts_with("out ")) {
      notes.stdout_path = unescape(rest);
    } else if (view.starts_with("err ")) {
      notes.stderr_path = unescape(rest);
    } else if (view.starts_with("file ")) {
      OpenFile file;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), file.bytes);
      if (error != std::errc{} || end == rest.data() + rest.size()) {
        break;
      }
      file.path = unescape(rest.substr(static_cast<std::size_t>(end - rest.data()) + 1));
      notes.files.push_back(std::move(file));
    } else if (view == "end") {
      return notes;
    } else {
      break;
    }
  }
  return fail(ErrorClass::failed,
              "restart_failed",
              "the list of open files beside the CRIU images is damaged");
}

std::string action_script(const std::string& to_init, const std::string& from_init) {
  return "#!/bin/sh\n"
         "[ \"$CRTOOLS_SCRIPT_ACTION\" = post-dump ] || exit 0\n"
         "echo frozen >" +
         shell_quote(to_init) + "\nread -r answer <" + shell_quote(from_init) +
         "\n[ \"$answer\" = go ]\n";
}

namespace {

constexpr const char* kGhostLimit = "1G"; // deleted but open files go into the image; default 1M

std::vector<std::string> common(const std::string& criu,
                                const std::string& verb,
                                const std::string& images,
                                const std::string& work_dir,
                                const std::string& log,
                                bool unprivileged) {
  std::vector<std::string> argv = {criu, verb, "-D", images, "-W", work_dir, "-o", log, "-v2"};
  // By default restore makes the OLD cgroup again and moves the program out of its Slurm job.
  argv.emplace_back("--manage-cgroups=ignore");
  argv.emplace_back("--file-locks");
  if (unprivileged) {
    argv.emplace_back("--unprivileged");
  }
  return argv;
}

} // namespace

std::vector<std::string> dump_command(const DumpPlan& plan) {
  auto argv = common(plan.criu, "dump", plan.images, plan.work_dir, plan.log, plan.unprivileged);
  argv.insert(argv.end(),
              {"-t",
               std::to_string(plan.pid),
               "--leave-running",
               "--ghost-limit",
               kGhostLimit,
               "--action-script",
               plan.script});
  return argv;
}

std::vector<std::string> restore_command(const RestorePlan& plan) {
  auto argv = common(plan.criu, "restore", plan.images, plan.work_dir, plan.log, plan.unprivileged);
  argv.insert(argv.end(), {"-d", "--restore-sibling", "--pidfile", plan.pid_file});
  for (const auto& [fd, path] : plan.replaced) {
    const std::size_t slashes = path.find_first_not_of('/');
    argv.emplace_back("--inherit-fd");
    argv.push_back("fd[" + std::to_string(fd) +
                   "]:" + path.substr(slashes == std::string::npos ? 0 : slashes));
  }
  return argv;
}

} // namespace ckpt::engine::criu
