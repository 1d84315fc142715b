#include "client/cli.hpp"

#include "client/help_text.hpp"
#include "core/base/strings.hpp"
#include "core/domain/time_limit.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace ckpt::client {

/// What all verbs of one command line share while it is parsed.
struct Shared {
  bool json = false;
  std::string cluster;
  std::function<int(Session&)> action;
};

struct Verb::Impl {
  CLI::App* app = nullptr;
  std::shared_ptr<Shared> shared;
  std::string group = "Options";
  std::vector<std::string>* program = nullptr;
  std::vector<std::shared_ptr<Impl>> children;
};

struct Cli::Impl {
  CLI::App app{"Long computations across short allocations: checkpoint, requeue, go on.", "ckpt"};
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::shared_ptr<Verb::Impl>> verbs;
};

namespace {

void add_cluster_option(CLI::App& app, Shared& shared) {
  app.add_option("--cluster", shared.cluster, "Whose jobs: `local` (this machine), or Slurm's name")
      ->type_name("NAME")
      ->group("General");
}

std::shared_ptr<Verb::Impl> make_verb(CLI::App& parent,
                                      const std::shared_ptr<Shared>& shared,
                                      const std::string& name,
                                      const std::string& help) {
  auto impl = std::make_shared<Verb::Impl>();
  impl->app = parent.add_subcommand(name, help);
  impl->shared = shared;
  impl->app->add_flag("--json", shared->json, "One JSON value on standard output")
      ->group("General");
  add_cluster_option(*impl->app, *shared);
  impl->app->get_help_ptr()->group("General");
  return impl;
}

/// The longest chain of verbs that was parsed ("daemon", "start").
Verb::Impl* parsed_verb(const std::vector<std::shared_ptr<Verb::Impl>>& verbs) {
  for (const auto& verb : verbs) {
    if (verb->app->parsed()) {
      Verb::Impl* deeper = parsed_verb(verb->children);
      return deeper != nullptr ? deeper : verb.get();
    }
  }
  return nullptr;
}

std::vector<std::string> names_of(const std::vector<std::shared_ptr<Verb::Impl>>& verbs) {
  std::vector<std::string> names;
  for (const auto& verb : verbs) {
    names.push_back(verb->app->get_name());
  }
  return names;
}

std::string full_name(const Verb::Impl& verb) {
  const CLI::App* parent = verb.app->get_parent();
  const std::string above = parent == nullptr || parent->get_name() == "ckpt"
                                ? "ckpt "
                                : "ckpt " + parent->get_name() + " ";
  return above + verb.app->get_name();
}

tl::unexpected<Error> usage(const std::string& message, const std::string& advice) {
  return fail(ErrorClass::usage, "usage", message, advice);
}

/// The library's help, with the verb's full name, and what goes behind `--`.
std::string help_of(const Verb::Impl& verb) {
  std::string text = verb.app->help();
  const std::string usage_line = "Usage: " + verb.app->get_name() + " [OPTIONS]";
  if (const std::size_t at = text.find(usage_line); at != std::string::npos) {
    text.replace(at,
                 usage_line.size(),
                 "Usage: " + full_name(verb) + " [OPTIONS]" +
                     (verb.program != nullptr ? " -- PROGRAM ARGS…" : ""));
  }
  return arranged(std::move(text));
}

/// Behind the "ckpt: " that a message gets anyway.
std::string said(const std::string& name, const CLI::ParseError& error) {
  const std::string prefix = "ckpt ";
  return (name.starts_with(prefix) ? name.substr(prefix.size()) + ": " : "") + tidy(error.what());
}

/// The first word that looks like an option and is none of this verb, without a value; or empty.
std::string unknown_option(const Verb::Impl& verb) {
  for (const std::string& word : verb.app->remaining()) {
    if (word.size() > 1 && word.front() == '-') {
      return word.substr(0, word.find('='));
    }
  }
  return {};
}

/// Whether there is something that neither is an option nor belongs to one.
bool has_words(const Verb::Impl& verb) {
  const std::vector<std::string> words = verb.app->remaining();
  return std::any_of(words.begin(), words.end(), [](const std::string& word) {
    return !word.empty() && word.front() != '-';
  });
}

/// The verb's option nearest to that word, or empty.
std::string meant_option(const Verb::Impl& verb, const std::string& word) {
  if (!word.starts_with("--")) {
    return {};
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.app->get_options()) {
    known.insert(known.end(), option->get_lnames().begin(), option->get_lnames().end());
  }
  const std::string near = nearest(word.substr(2), known);
  return near.empty() ? near : "--" + near;
}

} // namespace

Verb& Verb::group(const std::string& title) {
  impl_->group = title;
  return *this;
}

Verb& Verb::flag(const std::string& names, bool& target, const std::string& help) {
  impl_->app->add_flag(names, target, help)->group(impl_->group);
  return *this;
}

Verb& Verb::taking(const std::string& names,
                   Taker taker,
                   const std::string& value,
                   const std::string& help,
                   bool value_optional) {
  const std::string shown = split(names, ',').back();
  CLI::callback_t callback = [taker = std::move(taker), shown](const CLI::results_t& results) {
    for (const std::string& result : results) {
      if (auto wrong = taker(result)) {
        throw CLI::ValidationError(shown, *wrong);
      }
    }
    return true;
  };
  auto* option = impl_->app->add_option(names, std::move(callback), help);
  option->type_name(value)->type_size(1)->group(impl_->group);
  option->expected(value_optional ? 0 : 1, 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Verb& Verb::marking(const std::string& names,
                    std::function<void()> callback,
                    const std::string& help) {
  impl_->app->add_flag_callback(names, std::move(callback), help)->group(impl_->group);
  return *this;
}

Verb& Verb::text(const std::string& names,
                 std::optional<std::string>& target,
                 const std::string& value,
                 const std::string& help) {
  return taking(
      names,
      [&target](const std::string& given) {
        target = given;
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::texts(const std::string& names,
                  std::vector<std::string>& target,
                  const std::string& value,
                  const std::string& help) {
  return taking(
      names,
      [&target](const std::string& given) {
        target.push_back(given);
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::number(const std::string& names,
                   std::optional<int>& target,
                   int lowest,
                   const std::string& help) {
  return taking(
      names,
      [&target, lowest](const std::string& given) -> std::optional<std::string> {
        constexpr std::size_t kDigits = 9;
        if (given.empty() || given.size() > kDigits ||
            given.find_first_not_of("0123456789") != std::string::npos ||
            std::stoi(given) < lowest) {
          return "'" + given + "' is not a whole number from " + std::to_string(lowest);
        }
        target = std::stoi(given);
        return std::nullopt;
      },
      "N",
      help);
}

Verb& Verb::duration(const std::string& names,
                     std::optional<Duration>& target,
                     const std::string& help) {
  return span(names, target, &parse_duration, "D", help);
}

Verb& Verb::time_limit(const std::string& names,
                       std::optional<Duration>& target,
                       const std::string& help) {
  return span(names, target, &parse_time_limit, "TIME", help);
}

Verb& Verb::span(const std::string& names,
                 std::optional<Duration>& target,
                 Result<Duration> (*parse)(std::string_view),
                 const std::string& value,
                 const std::string& help) {
  return taking(
      names,
      [&target, parse](const std::string& given) -> std::optional<std::string> {
        const auto duration = parse(given);
        if (!duration) {
          const Error& error = duration.error();
          return error.advice.empty() ? error.message : error.message + "; " + error.advice;
        }
        target = *duration;
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::argument(const std::string& name, std::string& target, const std::string& help) {
  impl_->app->add_option(name, target, help)->required()->type_name("");
  return *this;
}

Verb& Verb::optional_argument(const std::string& name,
                              std::string& target,
                              const std::string& help) {
  impl_->app->add_option(name, target, help)->type_name("");
  return *this;
}

Verb& Verb::arguments(const std::string& name,
                      std::vector<std::string>& target,
                      const std::string& help) {
  impl_->app->add_option(name, target, help)->type_name("");
  return *this;
}

Verb& Verb::program(std::vector<std::string>& argv) {
  impl_->program = &argv;
  return *this;
}

Verb& Verb::footer(const std::string& text) {
  impl_->app->footer(text);
  return *this;
}

Verb Verb::verb(const std::string& name, const std::string& help) {
  impl_->app->require_subcommand(1);
  impl_->children.push_back(make_verb(*impl_->app, impl_->shared, name, help));
  return Verb(impl_->children.back());
}

void Verb::runs(std::function<int(Session&)> action) {
  impl_->app->callback([shared = impl_->shared, action = std::move(action)] {
    if (!shared->action) {
      shared->action = action;
    }
  });
}

Cli::Cli() : impl_(std::make_unique<Impl>()) {
  add_cluster_option(impl_->app, *impl_->shared);
  impl_->app.set_version_flag("--version", std::string("ckpt ") + CKPT_VERSION);
  impl_->app.footer(
      "JOB is an id (j-7), a name, a Slurm job id, or `last`.\n"
      "Durations: 90s 30m 24h 24:00:00 1-12.\n"
      "Exit status: 0 done, 1 failed, 2 usage, 3 no such thing, 4 the state does not\n"
      "allow it, 5 no daemon, 6 refused, 7 engine or scheduler not usable, 8 timed out.");
}
Cli::~Cli() = default;

Verb Cli::verb(const std::string& name, const std::string& help) {
  impl_->verbs.push_back(make_verb(impl_->app, impl_->shared, name, help));
  return Verb(impl_->verbs.back());
}

std::string Cli::help() const {
  std::string text = arranged(impl_->app.help());
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const std::size_t at = text.find(from); at != std::string::npos) {
      text.replace(at, from.size(), to);
    }
  };
  replace("[SUBCOMMAND]", "COMMAND");
  replace("\nSubcommands:\n", "\nCommands:\n");
  replace("\nJOB is", "\n`ckpt COMMAND --help` tells more.\nJOB is");
  return text;
}

Result<Cli::Parsed> Cli::parse(std::vector<std::string> args) {
  // What is behind the first `--` is the program's business alone.
  std::vector<std::string> tail;
  const auto dashes = std::find(args.begin(), args.end(), "--");
  const bool has_dashes = dashes != args.end();
  if (has_dashes) {
    tail.assign(dashes + 1, args.end());
    args.erase(dashes, args.end());
  }
  if (args.empty()) {
    return Parsed{false, {}, {}, help()};
  }
  if (const std::vector<std::string> names = names_of(impl_->verbs);
      args.front().front() != '-' &&
      std::find(names.begin(), names.end(), args.front()) == names.end()) {
    const std::string near = nearest(args.front(), names);
    return usage("'" + args.front() + "' is no command of ckpt",
                 near.empty() ? "Type `ckpt --help` for the list."
                              : "Did you mean `ckpt " + near + "`?");
  }
  std::reverse(args.begin(), args.end()); // as the library wants it
  try {
    impl_->app.parse(args);
  } catch (const CLI::CallForHelp&) {
    const Verb::Impl* verb = parsed_verb(impl_->verbs);
    return Parsed{false, {}, {}, verb != nullptr ? help_of(*verb) : help()};
  } catch (const CLI::CallForVersion& version) {
    return Parsed{false, {}, {}, std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    const Verb::Impl* verb = parsed_verb(impl_->verbs);
    const std::string name = verb != nullptr ? full_name(*verb) : "ckpt";
    const std::string word = verb != nullptr ? unknown_option(*verb) : "";
    if (const std::string meant = word.empty() ? "" : meant_option(*verb, word); !meant.empty()) {
      return usage("`" + name + "` has no option " + word, "Did you mean " + meant + "?");
    }
    if (verb != nullptr && verb->program != nullptr && !has_dashes && has_words(*verb)) {
      return usage(said(name, error),
                   "Put -- before the program: `" + name + " [OPTIONS] -- PROGRAM ARGS…`.");
    }
    if (!word.empty()) {
      return usage("`" + name + "` has no option " + word, "Type `" + name + " --help`.");
    }
    return usage(said(name, error), "Type `" + name + " --help`.");
  }
  Verb::Impl* verb = parsed_verb(impl_->verbs);
  if (has_dashes && (verb == nullptr || verb->program == nullptr)) {
    return usage((verb != nullptr ? full_name(*verb) : "ckpt") + " takes nothing behind --",
                 "Leave it out.");
  }
  if (verb != nullptr && verb->program != nullptr) {
    *verb->program = std::move(tail);
  }
  if (verb == nullptr) {
    return Parsed{false, {}, {}, help()};
  }
  return Parsed{impl_->shared->json, impl_->shared->cluster, impl_->shared->action, {}};
}

} // namespace ckpt::client
