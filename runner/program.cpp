#include "runner/program.hpp"

#include "core/base/strings.hpp"

#include <glob.h>
#include <pwd.h>
#include <unistd.h>

#include <cctype>
#include <functional>

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
    case 'j':
    case 'A':
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
  const OutputNames names{
      context.scheduler_job_id.value, spec.name, user_name(spec.env), host_name(), spec.cwd};
  const bool slurm = context.scheduler == SchedulerKind::slurm;
  const std::string fallback = slurm ? "slurm-%j.out" : "ckpt-" + spec.id.str() + ".out";
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

Result<Path> make_stable_tmpdir(const Context& context) {
  const std::size_t hash = std::hash<std::string>{}(context.job_path.string());
  const Path path = Path("/tmp") / ("ckpt-" + std::to_string(::getuid()) + "-" +
                                    context.job_path.filename().string() + "-" +
                                    std::to_string(hash % 100'000'000));
  if (auto made = make_directories(path); !made) {
    return tl::unexpected<Error>(made.error());
  }
  return path;
}

std::string run_mark(const Context& context, AttemptId attempt) {
  return context.job_path.string() + "#" + attempt.str();
}

engine::ProgramInfo make_program(const Context& context,
                                 const JobSpec& spec,
                                 const Policy& policy,
                                 AttemptId attempt,
                                 const Path& tmpdir) {
  engine::ProgramInfo program;
  program.env = spec.env;
  for (const auto& [name, value] : context.env) {
    if (name.starts_with("SLURM_") || name.starts_with("CUDA_VISIBLE") ||
        name.starts_with("ROCR_VISIBLE")) {
      program.env[name] = value;
    }
  }
  program.env["TMPDIR"] = tmpdir.string();
  program.env["CKPT_JOB"] = spec.id.str();
  program.env["CKPT_ATTEMPT"] = attempt.str();
  program.env["CKPT_RUN"] = run_mark(context, attempt);
  program.cwd = spec.cwd;
  program.app = spec.app;
  program.checkpoint_files = policy.ckpt_files;
  program.argv = spec.argv;
  if (!spec.setup.empty() || !spec.modules.empty()) {
    std::string script;
    if (!spec.modules.empty()) {
      script += "module load " + shell_join(spec.modules) + " || exit 1\n";
    }
    script += spec.setup + "\nexec \"$@\"";
    // A login shell defines `module`; the program takes the shell's place.
    program.argv = {"/bin/bash", "-lc", script, "setup"};
    program.argv.insert(program.argv.end(), spec.argv.begin(), spec.argv.end());
  }
  return program;
}

std::vector<Path> expand_globs(const std::vector<std::string>& globs, const std::string& cwd) {
  std::vector<Path> paths;
  for (const std::string& pattern : globs) {
    const std::string absolute = Path(pattern).is_absolute() ? pattern : cwd + "/" + pattern;
    glob_t found{};
    if (::glob(absolute.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        const Path path = Path(found.gl_pathv[i]).lexically_normal();
        if (std::filesystem::is_regular_file(path)) {
          paths.push_back(path);
        }
      }
    }
    ::globfree(&found);
  }
  return paths;
}

} // namespace ckpt::runner
