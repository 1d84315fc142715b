// What kind of file a program is, read from its first bytes: what the kernel would run, whether a
// loader takes part (DMTCP needs one), and whether it changes its user.

#include "core/base/strings.hpp"
#include "core/engine/engine.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ckpt::engine {
namespace {

constexpr int kMaxInterpreters = 5; // the kernel's own limit is about the same

bool is_regular_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

tl::unexpected<Error> no_program_at(const std::string& path) {
  return fail(ErrorClass::not_found,
              "program_not_found",
              "there is no program '" + path + "'",
              "check how it is written; a relative path counts from the folder that it runs in");
}

tl::unexpected<Error> not_in_path(const std::string& name, const std::string& path_list) {
  return fail(ErrorClass::not_found,
              "program_not_found",
              "there is no program '" + name + "' in PATH (" + path_list + ")",
              "give its path (./" + name + " in this folder), or load the module that provides it");
}

std::string absolute(const std::string& path, const std::string& cwd) {
  return path.front() == '/' ? path : (Path(cwd) / path).lexically_normal().string();
}

Result<std::string> look_up(const std::string& name,
                            const std::map<std::string, std::string>& env,
                            const std::string& cwd) {
  if (name.empty()) {
    return fail(ErrorClass::not_found,
                "program_not_found",
                "the program's name is empty",
                "name one behind --");
  }
  if (name.find('/') != std::string::npos) {
    const std::string path = absolute(name, cwd);
    return is_regular_file(path) ? Result<std::string>(path) : no_program_at(path);
  }
  const auto found = env.find("PATH");
  const std::string path_list = found == env.end() ? "/usr/local/bin:/bin:/usr/bin" : found->second;
  for (const auto& folder : split(path_list, ':')) {
    const std::string path = absolute((folder.empty() ? "." : folder) + "/" + name, cwd);
    if (is_regular_file(path) && ::access(path.c_str(), X_OK) == 0) {
      return path;
    }
  }
  return not_in_path(name, path_list);
}

struct Head {
  std::string bytes;
  struct stat info {};
};

Result<Head> read_head(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Head head;
  if (!fd || ::fstat(fd.get(), &head.info) != 0) {
    return tl::unexpected(errno_error(errno, "cannot read the program", path));
  }
  head.bytes.resize(65536);
  const ssize_t got = ::pread(fd.get(), head.bytes.data(), head.bytes.size(), 0);
  if (got < 0) {
    return tl::unexpected(errno_error(errno, "cannot read the program", path));
  }
  head.bytes.resize(static_cast<std::size_t>(got));
  return head;
}

template <class Header, class Program> bool names_a_loader(const std::string& bytes) {
  Header header{};
  if (bytes.size() < sizeof(header)) {
    return false;
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Program program{};
    const std::size_t at =
        static_cast<std::size_t>(header.e_phoff) + std::size_t{i} * header.e_phentsize;
    if (at > bytes.size() || bytes.size() - at < sizeof(program)) {
      return false;
    }
    std::memcpy(&program, bytes.data() + at, sizeof(program));
    if (program.p_type == PT_INTERP) {
      return true;
    }
  }
  return false;
}

bool changes_user(const std::string& path, const struct stat& info) {
  return (info.st_mode & (S_ISUID | S_ISGID)) != 0 ||
         ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

// "#!/usr/bin/env python3" → {"/usr/bin/env", "python3"}
std::vector<std::string> script_words(const std::string& bytes) {
  std::string_view line(bytes);
  line = trim(line.substr(2, line.find('\n') - 2));
  const std::size_t blank = line.find_first_of(" \t");
  std::vector<std::string> words{std::string(line.substr(0, blank))};
  if (blank != std::string_view::npos) {
    words.emplace_back(trim(line.substr(blank)));
  }
  return words;
}

// `env` with a plain program name runs that one; with options or assignments it is left alone.
std::string runs_instead(const std::vector<std::string>& words) {
  const bool is_env = Path(words.front()).filename() == "env";
  const bool plain = words.size() == 2 && words[1].find_first_of(" \t=") == std::string::npos &&
                     words[1][0] != '-';
  return is_env && plain ? words[1] : words.front();
}

} // namespace

Result<ExecutableFacts> inspect_executable(const std::string& argv0,
                                           const std::map<std::string, std::string>& env,
                                           const std::string& cwd) {
  std::string name = argv0;
  for (int depth = 0; depth < kMaxInterpreters; ++depth) {
    const auto path = look_up(name, env, cwd);
    if (!path) {
      return tl::unexpected(path.error());
    }
    if (::access(path->c_str(), X_OK) != 0) {
      return fail(ErrorClass::usage,
                  "program_not_executable",
                  *path + " is not executable",
                  "chmod +x " + shell_quote(*path));
    }
    const auto head = read_head(*path);
    if (!head) { // executable but not readable: the kernel can run it, we can say nothing of it
      return ExecutableFacts{
          .elf = false, .dynamic = false, .setuid = false, .bits = 0, .resolved = *path};
    }
    const std::string& bytes = head->bytes;
    if (bytes.starts_with("#!") && trim(bytes.substr(2, 256)).size() > 0) {
      name = runs_instead(script_words(bytes));
      continue;
    }
    ExecutableFacts facts;
    facts.resolved = *path;
    facts.setuid = changes_user(*path, head->info);
    facts.elf = bytes.size() > EI_CLASS && bytes.starts_with(ELFMAG);
    if (facts.elf) {
      facts.bits = bytes[EI_CLASS] == ELFCLASS32 ? 32 : 64;
      facts.dynamic = facts.bits == 32 ? names_a_loader<Elf32_Ehdr, Elf32_Phdr>(bytes)
                                       : names_a_loader<Elf64_Ehdr, Elf64_Phdr>(bytes);
    }
    return facts;
  }
  return fail(ErrorClass::failed,
              "program_not_executable",
              argv0 + " is a script whose interpreter is a script, more than five deep");
}

} // namespace ckpt::engine
