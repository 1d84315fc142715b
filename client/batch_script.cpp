#include "client/batch_script.hpp"

#include "client/batch_options.hpp"
#include "core/base/files.hpp"
#include "core/base/strings.hpp"
#include "core/script/interpreter.hpp"

#include <unistd.h>

#include <array>

namespace ckpt::client {
namespace {

using script::Given;

tl::unexpected<Error> cannot_open(const std::string& name) {
  return fail(ErrorClass::not_found,
              "no_such_script",
              "unable to open the batch script " + name,
              "Name an existing file: `ckpt sbatch job.sh`.");
}

/// As sbatch(1) has it under SCRIPT PATH RESOLUTION.
Result<Path> find_script(const Session& session, const std::string& name, const std::string& in) {
  if (name.empty()) {
    return cannot_open("''");
  }
  std::error_code error;
  const Path here = Path(in.empty() ? "." : in) / name; // an absolute name stays what it is
  if (name.front() == '/' || name.front() == '.' || std::filesystem::exists(here, error)) {
    return here;
  }
  if (name.find('/') == std::string::npos) {
    for (const std::string& folder : split(session.env_value("PATH"), ':')) {
      const Path candidate = Path(folder) / name;
      if (!folder.empty() && ::access(candidate.c_str(), R_OK) == 0) {
        return candidate;
      }
    }
  }
  return cannot_open(name);
}

Result<std::string> read_standard_input() {
  std::string text;
  std::array<char, 65536> part{};
  while (text.size() <= script::kLargestScript) {
    const ssize_t count = ::read(STDIN_FILENO, part.data(), part.size());
    if (count == 0) {
      return text;
    }
    if (count < 0 && errno != EINTR) {
      return tl::unexpected(errno_error(errno, "cannot read the script from", "standard input"));
    }
    text.append(part.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return text; // too large, which is said where all scripts are looked at
}

Result<std::string> read_script(const Path& path, const std::string& name) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return cannot_open(name);
  }
  auto text = read_file(path, script::kLargestScript + 1);
  return text || text.error().code != "no_such_file" ? text : cannot_open(name);
}

/// Name and text.
Result<BatchScript> load(const Session& session,
                         const std::vector<std::string>& argv,
                         const std::vector<Given>& given) {
  BatchScript batch;
  if (wish_for(given, "wrap")) {
    if (!argv.empty()) {
      return fail(ErrorClass::usage,
                  "usage",
                  "script arguments are not permitted with --wrap",
                  "Put them into the command: --wrap='./program one two'.");
    }
    batch.name = "wrap";
    batch.text = "#!/bin/sh\n# This script was created by sbatch --wrap.\n\n" +
                 wish_for(given, "wrap").value_or("") + "\n\n";
    return batch;
  }
  Result<std::string> text;
  if (argv.empty()) {
    batch.name = "sbatch";
    text = read_standard_input();
  } else {
    const auto path = find_script(session, argv.front(), wish_for(given, "chdir").value_or(""));
    if (!path) {
      return tl::unexpected(path.error());
    }
    batch.name = argv.front();
    batch.args.assign(argv.begin() + 1, argv.end());
    text = read_script(*path, batch.name);
  }
  if (!text) {
    return tl::unexpected(text.error());
  }
  batch.text = *std::move(text);
  return batch;
}

} // namespace

bool has_sbatch_lines(const Path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return false; // a pipe would keep us waiting
  }
  const auto text = read_file(file, script::kLargestScript);
  if (!text || !text->starts_with("#!")) {
    return false;
  }
  const auto lines = script::read_directives(*text, file.string());
  return !lines || !lines->options.empty() || !lines->het_lines.empty();
}

Result<BatchScript> read_batch_script(const Session& session,
                                      const std::vector<std::string>& argv,
                                      const std::vector<std::string>& options) {
  auto command_line = typed_options(options);
  if (!command_line) {
    return tl::unexpected(command_line.error());
  }
  auto environment = script::options_of_environment(session.env());
  auto batch = load(session, argv, script::merged({environment, *command_line}));
  if (!batch) {
    return batch;
  }
  if (auto fine = script::interpreter_of(batch->text); !fine) {
    fine.error().message = batch->name + ": " + fine.error().message;
    return tl::unexpected(fine.error());
  }
  auto directives = script::read_directives(batch->text, batch->name);
  if (!directives) {
    return tl::unexpected(directives.error());
  }
  batch->options =
      script::merged({std::move(directives->options), std::move(environment), *command_line});
  batch->het_lines = std::move(directives->het_lines);
  batch->pbs_lines = std::move(directives->pbs_lines);
  return batch;
}

} // namespace ckpt::client
