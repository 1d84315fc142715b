#include "runner/srun_tasks.hpp"

#include "core/base/strings.hpp"
#include "runner/program.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ckpt::runner {
namespace {

std::string value_of(const std::map<std::string, std::string>& env, const std::string& name) {
  const auto found = env.find(name);
  return found == env.end() ? std::string() : found->second;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::string fmt_octal(mode_t mask) {
  std::string text = "0";
  for (const unsigned shift : {6U, 3U, 0U}) {
    text += static_cast<char>('0' + ((mask >> shift) & 7U));
  }
  return text;
}

/// The base environment by --export.
std::map<std::string, std::string> exported(const Step& step) {
  const std::string wish = step.call.value("export").value_or("ALL");
  std::map<std::string, std::string> env;
  const bool all = wish == "ALL" || wish.starts_with("ALL,");
  for (const auto& [name, value] : step.env) {
    if (all || name.starts_with("SLURM") || name.starts_with("CKPT_")) {
      env.emplace(name, value);
    }
  }
  for (const std::string& part : split(wish, ',')) {
    if (part.empty() || part == "ALL" || part == "NONE") {
      continue;
    }
    const std::size_t equals = part.find('=');
    if (equals != std::string::npos) {
      env[part.substr(0, equals)] = part.substr(equals + 1);
    } else if (const auto found = step.env.find(part); found != step.env.end()) {
      env[part] = found->second;
    }
  }
  return env;
}

/// %t, %n, %N, %j, %A, %J, %s, %u, %x as srun has them for a task on this node.
std::string file_of(const std::string& pattern, const Step& step, int task) {
  const std::string job = value_of(step.env, "SLURM_JOB_ID");
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      text += pattern[i];
      continue;
    }
    std::size_t letter = i + 1;
    std::size_t width = 0;
    while (letter < pattern.size() && pattern[letter] >= '0' && pattern[letter] <= '9') {
      width =
          std::min<std::size_t>(width * 10 + static_cast<std::size_t>(pattern[letter] - '0'), 10);
      ++letter;
    }
    std::string part;
    switch (letter < pattern.size() ? pattern[letter] : '\0') {
    case '%':
      part = "%";
      break;
    case 't':
      part = std::to_string(task);
      break;
    case 'n':
      part = "0";
      break;
    case 'N':
      part = step.node;
      break;
    case 'j':
    case 'A':
      part = job;
      break;
    case 'J':
      part = job + "." + step.id;
      break;
    case 's':
      part = step.id;
      break;
    case 'u':
      part = value_of(step.env, "USER");
      break;
    case 'x':
      part = value_of(step.env, "SLURM_JOB_NAME");
      break;
    default:
      part = pattern.substr(i, letter - i + 1);
    }
    text += is_number(part) && part.size() < width ? std::string(width - part.size(), '0') + part
                                                   : part;
    i = letter;
  }
  return text;
}

Status open_as(const std::string& path, int flags, int target) {
  const int fd = ::open(path.c_str(), flags | O_NOCTTY, 0666);
  if (fd < 0) {
    return tl::unexpected(errno_error(errno, "cannot open", path));
  }
  if (fd != target) {
    ::dup2(fd, target);
    ::close(fd);
  }
  return {};
}

constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;

Status redirect_output(const Step& step, int task, const std::string& wish, int all, int target) {
  if (wish.empty() || wish == "all" || (is_number(wish) && std::stoi(wish.substr(0, 9)) == task)) {
    if (all >= 0) {
      ::dup2(all, target);
    }
    return {};
  }
  const bool none = wish == "none" || is_number(wish);
  return open_as(none ? "/dev/null" : file_of(wish, step, task), kAppend, target);
}

Status redirect_input(const Step& step, int task) {
  const std::string wish = step.call.value("input").value_or("all");
  if (wish != "all" && wish != "none" && !is_number(wish)) {
    return open_as(file_of(wish, step, task), O_RDONLY, STDIN_FILENO);
  }
  if (wish == "none" || (is_number(wish) && std::stoi(wish.substr(0, 9)) != task)) {
    return open_as("/dev/null", O_RDONLY, STDIN_FILENO);
  }
  if (task == 0 || is_number(wish)) {
    return {};
  }
  // Every task reads all of a file; a pipe can be read by one only, and that is the first.
  const off_t at = ::lseek(STDIN_FILENO, 0, SEEK_CUR);
  if (at < 0) {
    return open_as("/dev/null", O_RDONLY, STDIN_FILENO);
  }
  if (auto opened = open_as("/proc/self/fd/0", O_RDONLY, STDIN_FILENO); !opened) {
    return opened;
  }
  ::lseek(STDIN_FILENO, at, SEEK_SET);
  return {};
}

} // namespace

std::map<std::string, std::string> environment_of_task(const Step& step, int task) {
  std::map<std::string, std::string> env = exported(step);
  const std::string count = std::to_string(step.tasks);
  std::string all_ids;
  for (int id = 0; id < step.tasks; ++id) {
    all_ids += (id == 0 ? "" : ",") + std::to_string(id);
  }
  for (const char* name : {"SLURM_NTASKS",
                           "SLURM_NPROCS",
                           "SLURM_STEP_NUM_TASKS",
                           "SLURM_STEP_TASKS_PER_NODE",
                           "SLURM_TASKS_PER_NODE"}) {
    env[name] = count;
  }
  env["SLURM_PROCID"] = env["SLURM_LOCALID"] = std::to_string(task);
  env["SLURM_STEP_ID"] = env["SLURM_STEPID"] = step.id;
  env["SLURM_STEP_NUM_NODES"] = env["SLURM_NNODES"] = "1";
  env["SLURM_NODEID"] = "0";
  env["SLURM_STEP_NODELIST"] = step.node;
  env["SLURM_GTIDS"] = all_ids;
  env["SLURM_DISTRIBUTION"] = "block";
  const mode_t mask = ::umask(0);
  ::umask(mask);
  env["SLURM_UMASK"] = fmt_octal(mask);
  if (const auto cpus = step.call.value("cpus-per-task")) {
    env["SLURM_CPUS_PER_TASK"] = *cpus;
  }
  if (step.call.value("label")) {
    env["SLURM_LABELIO"] = "1";
  }
  return env;
}

Status redirect_streams(const Step& step, int task, int out, int err) {
  const std::string out_wish = step.call.value("output").value_or("");
  std::string err_wish = step.call.value("error").value_or("");
  if (auto done = redirect_input(step, task); !done) {
    return done;
  }
  const bool to_file =
      !out_wish.empty() && out_wish != "all" && out_wish != "none" && !is_number(out_wish);
  if (err_wish.empty() && to_file) {
    err_wish = out_wish; // one file for both
  }
  if (auto done = redirect_output(step, task, err_wish, err, STDERR_FILENO); !done) {
    return done;
  }
  return redirect_output(step, task, out_wish, out, STDOUT_FILENO);
}

Status prepare_files(const Step& step) {
  if (step.call.value("open-mode").value_or("") == "append") {
    return {};
  }
  for (const char* option : {"output", "error"}) {
    const std::string wish = step.call.value(option).value_or("all");
    for (int task = 0; task < step.tasks; ++task) {
      if (wish == "all" || wish == "none" || is_number(wish)) {
        break;
      }
      const std::string path = file_of(wish, step, task);
      const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
      if (fd < 0) {
        return tl::unexpected(errno_error(errno, "cannot open", path));
      }
      ::close(fd);
    }
  }
  return {};
}

std::string mpi_library_of(const Path& program) {
  // The names of needed libraries stand in one table of strings, wherever the file has it.
  constexpr std::size_t kEnough = std::size_t{32} << 20U;
  const auto bytes = read_file(program, kEnough);
  if (!bytes || bytes->size() < sizeof(Elf64_Ehdr) || !bytes->starts_with(ELFMAG) ||
      (*bytes)[EI_CLASS] != ELFCLASS64) {
    return {};
  }
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes->data(), sizeof(header));
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    const std::uint64_t at = header.e_shoff + std::uint64_t{i} * sizeof(section);
    if (at > bytes->size() || bytes->size() - at < sizeof(section)) {
      return {};
    }
    std::memcpy(&section, bytes->data() + at, sizeof(section));
    if (section.sh_type != SHT_STRTAB || (section.sh_flags & SHF_ALLOC) == 0 ||
        section.sh_offset > bytes->size() || bytes->size() - section.sh_offset < section.sh_size) {
      continue;
    }
    const std::string_view strings(bytes->data() + section.sh_offset, section.sh_size);
    for (const std::string& name : split(strings, '\0')) {
      const bool mpi = name.starts_with("libmpi") || name.starts_with("libpmi");
      if (mpi && name.find(".so") != std::string::npos) {
        return name;
      }
    }
  }
  return {};
}

} // namespace ckpt::runner
