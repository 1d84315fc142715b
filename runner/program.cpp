#include "runner/program.hpp"

#include "core/base/strings.hpp"
#include "core/domain/array.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>

namespace ckpt::runner {
namespace {

std::string padded(const std::string& text, std::size_t width) {
  const bool number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return number && text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::string user_name(const std::map<std::string, std::string>& env) {
  const auto found = env.find("USER");
  return found != env.end() ? found->second : std::to_string(::getuid());
}

/// "24", also in later attempts of a task, when it has left its array.
std::string array_job_id(const Context& context) {
  const auto claims = context.folder().read_claims();
  for (const store::Claim& claim : claims.value_or(std::vector<store::Claim>{})) {
    if (const auto task = task_of_id(claim.scheduler_job_id)) {
      return task->array.value;
    }
  }
  return context.scheduler_job_id.value;
}

/// Whatever part of the array was submitted together with this task.
void add_array_environment(const Context& context,
                           const ArrayTask& task,
                           std::map<std::string, std::string>& env) {
  env["SLURM_ARRAY_JOB_ID"] = array_job_id(context);
  env["SLURM_ARRAY_TASK_ID"] = std::to_string(task.index);
  env["SLURM_ARRAY_TASK_COUNT"] = std::to_string(task.count);
  env["SLURM_ARRAY_TASK_MIN"] = std::to_string(task.min);
  env["SLURM_ARRAY_TASK_MAX"] = std::to_string(task.max);
  env["SLURM_ARRAY_TASK_STEP"] = std::to_string(task.step);
}

std::string octal_mask(int mask) {
  constexpr unsigned kDigit = 7;
  std::string text = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += static_cast<char>('0' + ((static_cast<unsigned>(mask) >> shift) & kDigit));
  }
  return text;
}

} // namespace

std::string expand_output_path(const std::string& pattern, const OutputNames& names) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    std::size_t letter = i + 1;
    std::size_t width = 0;
    while (letter < pattern.size() &&
           std::isdigit(static_cast<unsigned char>(pattern[letter])) != 0) {
      width = width * 10 + static_cast<std::size_t>(pattern[letter] - '0');
      ++letter;
    }
    constexpr std::size_t kWidest = 10; // sbatch's own limit
    width = std::min(width, kWidest);
    switch (letter < pattern.size() ? pattern[letter] : '\0') {
    case '%':
      path += '%';
      break;
    case 'A':
      path +=
          padded(names.array_job_id.empty() ? names.scheduler_job_id : names.array_job_id, width);
      break;
    case 'a':
      path += names.task.empty() ? pattern.substr(i, letter - i + 1) : padded(names.task, width);
      break;
    case 'j':
    case 'J':
      path += padded(names.scheduler_job_id, width);
      break;
    case 'x':
      path += names.job_name;
      break;
    case 'u':
      path += names.user;
      break;
    case 'N':
      path += names.node;
      break;
    case 'n':
    case 't':
      path += padded("0", width);
      break;
    default:
      path += pattern.substr(i, letter - i + 1);
    }
    i = letter;
  }
  return Path(path).is_absolute() ? path : (Path(names.cwd) / path).lexically_normal().string();
}

Result<OutputPaths> fix_output_paths(const Context& context, const JobSpec& spec) {
  OutputNames names{.scheduler_job_id = context.scheduler_job_id.value,
                    .job_name = spec.name,
                    .user = user_name(spec.env),
                    .node = host_name(),
                    .cwd = spec.cwd};
  if (spec.array) {
    names.task = std::to_string(spec.array->index);
    names.job_name = spec.array->name;
    if (const auto raw = context.env.find("SLURM_JOB_ID"); raw != context.env.end()) {
      names.scheduler_job_id = raw->second;
    }
    names.array_job_id = array_job_id(context);
  }
  const bool slurm = context.scheduler == SchedulerKind::slurm;
  const std::string fallback = spec.array ? "slurm-%A_%a.out"
                               : slurm    ? "slurm-%j.out"
                                          : "ckpt-" + spec.id.str() + ".out";
  const auto fix = [&](const char* stream, const std::string& pattern) {
    return context.folder().fix_output(stream, expand_output_path(pattern, names));
  };
  const auto out = fix("stdout", spec.stdout_path.empty() ? fallback : spec.stdout_path);
  if (!out) {
    return tl::unexpected<Error>(out.error());
  }
  if (spec.stderr_path.empty()) {
    return OutputPaths{*out, *out};
  }
  const auto err = fix("stderr", spec.stderr_path);
  return err ? Result<OutputPaths>(OutputPaths{*out, *err}) : tl::unexpected<Error>(err.error());
}

Result<Path> make_stable_tmpdir(const Context& context, const Path& wanted) {
  // Nobody can guess the name before the first attempt makes it; a stranger who has seen it on one
  // node can sit on it on another.
  const auto path = context.folder().fix_tmpdir(
      !wanted.empty()
          ? wanted
          : Path("/tmp") / ("ckpt-" + std::to_string(::getuid()) + "-" +
                            context.job_path.filename().string() + "-" + random_hex(8)));
  if (!path) {
    return path;
  }
  if (auto made = make_directory_exclusively(*path); !made && made.error().code != "file_exists") {
    return tl::unexpected<Error>(made.error());
  }
  const Fd folder(::open(path->c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!folder || ::fstat(folder.get(), &info) != 0 || info.st_uid != ::geteuid() ||
      ::fchmod(folder.get(), 0700) != 0) {
    return fail(ErrorClass::refused,
                "node_refused",
                "the job's temporary folder " + path->string() +
                    " exists here and is not ours: another user made it, or a link",
                "tell the administrator who owns it: `ls -ld " + path->string() + "`");
  }
  return path;
}

std::string run_mark(const Context& context, AttemptId attempt) {
  return context.job_path.string() + "#" + attempt.str();
}

namespace {

constexpr const char* kBashEnvironment = "bash_env";

/// bash reads BASH_ENV behind what a login shell reads, which makes PATH anew as a rule.
bool is_login_bash(const std::vector<std::string>& argv) {
  return argv.size() > 1 && Path(argv[0]).filename() == "bash" &&
         (argv[1].starts_with("-l") || argv[1] == "--login");
}

void add_batch_environment(const Context& context,
                           const JobSpec& spec,
                           const Path& tmpdir,
                           const Path& inside,
                           std::map<std::string, std::string>& env) {
  for (const char* name : {"HOSTNAME", "ENVIRONMENT", "SLURMD_NODENAME"}) {
    if (const auto found = context.env.find(name); found != context.env.end()) {
      env[name] = found->second;
    }
  }
  const auto from = spec.env.find("SLURM_SUBMIT_DIR");
  env["SLURM_SUBMIT_DIR"] = from != spec.env.end() ? from->second : spec.cwd;
  env.erase("SLURM_OPEN_MODE"); // how our batch.sh is submitted, not what the user wished
  env["CKPT_STEPS"] = (tmpdir / ".steps").string();
  if (inside.empty()) {
    return;
  }
  const auto path = env.find("PATH");
  env["PATH"] = inside.string() + ":" + (path == env.end() ? "/usr/bin:/bin" : path->second);
  if (is_login_bash(spec.argv)) {
    if (const auto users = env.find("BASH_ENV"); users != env.end()) {
      env["CKPT_USER_BASH_ENV"] = users->second;
    }
    env["BASH_ENV"] = (inside / kBashEnvironment).string();
  }
}

} // namespace

Result<Path> make_inside_folder(const Path& runner_executable) {
  const Path folder = runner_executable.parent_path() / "inside";
  if (auto made = make_directory_exclusively(folder); !made && made.error().code != "file_exists") {
    return tl::unexpected<Error>(made.error());
  }
  const Path link = folder / "srun";
  if (::symlink(("../" + runner_executable.filename().string()).c_str(), link.c_str()) != 0 &&
      errno != EEXIST) {
    return tl::unexpected<Error>(errno_error(errno, "cannot make the link", link));
  }
  const std::string text =
      "if [ -n \"${CKPT_USER_BASH_ENV-}\" ]; then . \"$CKPT_USER_BASH_ENV\"; fi\nPATH=" +
      shell_quote(folder.string()) + ":$PATH\n";
  const Path file = folder / kBashEnvironment;
  if (const auto there = read_file(file); there && *there == text) {
    return folder;
  }
  if (auto written = write_file_atomically(file, text); !written) {
    return tl::unexpected<Error>(written.error());
  }
  return folder;
}

engine::ProgramInfo make_program(const Context& context,
                                 const JobSpec& spec,
                                 const Policy& policy,
                                 AttemptId attempt,
                                 const Path& tmpdir,
                                 const Path& inside) {
  engine::ProgramInfo program;
  program.env = spec.env;
  for (const auto& [name, value] : context.env) {
    if (name.starts_with("SLURM_") || name.starts_with("CUDA_VISIBLE") ||
        name.starts_with("ROCR_VISIBLE")) {
      program.env[name] = value;
    }
  }
  if (const auto mask = program.env.find("SLURM_UMASK"); mask != program.env.end()) {
    mask->second = octal_mask(spec.umask); // it has the batch script's
  }
  if (spec.array) {
    add_array_environment(context, *spec.array, program.env);
  }
  program.env["TMPDIR"] = tmpdir.string();
  program.env["CKPT_JOB"] = spec.id.str();
  program.env["CKPT_ATTEMPT"] = attempt.str();
  program.env["CKPT_RUN"] = run_mark(context, attempt);
  if (!spec.script_name.empty()) {
    add_batch_environment(context, spec, tmpdir, inside, program.env);
  } else if (program.env.contains("SLURM_SUBMIT_DIR")) {
    program.env["SLURM_SUBMIT_DIR"] = spec.cwd; // sbatch was called by the daemon, elsewhere
  }
  program.cwd = spec.cwd;
  program.app = spec.app;
  program.checkpoint_files = policy.ckpt_files;
  program.argv = spec.argv;
  if (!spec.setup.empty() || !spec.modules.empty()) {
    std::string script;
    if (!spec.modules.empty()) {
      script += "module load " + shell_join(spec.modules) + " || exit 1\n";
    }
    script += spec.setup + "\n";
    if (!spec.script_name.empty() && !inside.empty()) { // a login shell makes PATH anew
      script += "PATH=" + shell_quote(inside.string()) + ":$PATH\n";
    }
    script += "exec \"$@\"";
    // A login shell defines `module`; the program takes the shell's place.
    program.argv = {"/bin/bash", "-lc", script, "setup"};
    program.argv.insert(program.argv.end(), spec.argv.begin(), spec.argv.end());
  }
  return program;
}

std::vector<Path>
expand_globs(const std::vector<std::string>& globs, const std::string& cwd, bool* complete) {
  std::vector<Path> paths;
  for (const std::string& pattern : globs) {
    const std::string absolute = Path(pattern).is_absolute() ? pattern : cwd + "/" + pattern;
    glob_t found{};
    static thread_local bool failed = false; // glob's callback is given nothing
    failed = false;
    const auto note = [](const char*, int error) {
      failed = failed || (error != ENOENT && error != ENOTDIR);
      return 0;
    };
    const int done = ::glob(absolute.c_str(), GLOB_NOSORT, note, &found);
    if (complete != nullptr && (failed || (done != 0 && done != GLOB_NOMATCH))) {
      *complete = false;
    }
    if (done == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        const Path path = Path(found.gl_pathv[i]).lexically_normal();
        std::error_code error;
        if (std::filesystem::is_regular_file(path, error)) {
          paths.push_back(path);
        }
      }
    }
    ::globfree(&found);
  }
  return paths;
}

} // namespace ckpt::runner
