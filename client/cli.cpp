#include "client/batch_script.hpp"
#include "client/cli_impl.hpp"
#include "client/help_text.hpp"
#include "core/base/strings.hpp"

#include <algorithm>
#include <array>

namespace ckpt::client {

void add_cluster_option(CLI::App& app, Shared& shared) {
  app.add_option("--cluster", shared.cluster, "Whose jobs: `local` (this machine), or Slurm's name")
      ->type_name("NAME")
      ->group("General");
}

namespace {

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
                     (verb.bare_program         ? " [SCRIPT ARGS…]"
                      : verb.program != nullptr ? " -- PROGRAM ARGS…"
                                                : ""));
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

/// The first that neither is an option nor belongs to one; or empty.
std::string first_word(const Verb::Impl& verb) {
  for (const std::string& word : verb.app->remaining()) {
    if (!word.empty() && word.front() != '-') {
      return word;
    }
  }
  return {};
}

/// Where nothing better is known: the help. But whoever names a job to `ls` wants to see it.
std::string usual_advice(const Verb::Impl* verb, const std::string& name) {
  const std::string word = verb != nullptr && name == "ckpt ls" ? first_word(*verb) : "";
  return word.empty() ? "Type `" + name + " --help`."
                      : "`ckpt show " + shell_quote(word) + "` shows one job.";
}

/// What to do about words that might be a program, or a batch script.
std::string advice_on_words(const Verb::Impl& verb) {
  const std::string name = full_name(verb);
  const std::vector<std::string> words = verb.app->remaining();
  const auto script = std::find_if(words.begin(), words.end(), [](const std::string& word) {
    return !word.empty() && word.front() != '-';
  });
  if (verb.app->get_name() == "submit" && script != words.end() && has_sbatch_lines(*script)) {
    return "It has #SBATCH lines: `ckpt sbatch " + join({script, words.end()}, " ") +
           "` heeds them. As a program like any other it goes behind --.";
  }
  return "Put -- before the program: `" + name + " [OPTIONS] -- PROGRAM ARGS…`.";
}

/// Whether the option needs the next word for its value. A word of letters: of the last one.
bool takes_next_word(const Verb::Impl& verb, const std::string& word) {
  if (word.starts_with("--")) {
    const CLI::Option* option = verb.app->get_option_no_throw(word);
    return option != nullptr && option->get_items_expected_min() > 0;
  }
  for (std::size_t i = 1; i < word.size(); ++i) {
    const CLI::Option* option = verb.app->get_option_no_throw(std::string("-") + word[i]);
    if (option == nullptr || option->get_items_expected_max() > 0) {
      return option != nullptr && option->get_items_expected_min() > 0 && i + 1 == word.size();
    }
  }
  return false;
}

/// Puts `--` before the first word behind the verb that is neither an option nor the value of one.
void set_apart(const Verb::Impl& verb, std::vector<std::string>& args) {
  for (std::size_t at = 1; at < args.size() && args[at] != "--"; ++at) {
    const std::string& word = args[at];
    if (word.size() < 2 || word.front() != '-') {
      args.insert(args.begin() + static_cast<std::ptrdiff_t>(at), "--");
      return;
    }
    at += word.find('=') == std::string::npos && takes_next_word(verb, word) ? 1U : 0U;
  }
}

/// The verb's option nearest to that word, or the only one that begins with that letter, or empty.
std::string meant_option(const Verb::Impl& verb, const std::string& word) {
  const bool letter = !word.starts_with("--");
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.app->get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (!letter || name.front() == word[1]) {
        known.push_back(name);
      }
    }
  }
  const std::string near = !letter             ? nearest(word.substr(2), known)
                           : known.size() == 1 ? known.front()
                                               : "";
  return near.empty() ? near : "--" + near;
}

/// What other programs call what we have.
constexpr std::array kOtherWords{
    std::pair{"list", "`ckpt ls`"},
    std::pair{"jobs", "`ckpt ls`"},
    std::pair{"squeue", "`ckpt ls`"},
    std::pair{"status", "`ckpt ls`, or `ckpt show JOB`"},
    std::pair{"info", "`ckpt show JOB`"},
    std::pair{"kill", "`ckpt cancel`"},
    std::pair{"scancel", "`ckpt cancel`"},
    std::pair{"delete", "`ckpt rm`"},
    std::pair{"remove", "`ckpt rm`"},
    std::pair{"resume", "`ckpt restart`"},
    std::pair{"continue", "`ckpt restart`"},
    std::pair{"rollback", "`ckpt restart JOB --generation gN`"},
};

Error no_such_verb(const std::string& word, const std::vector<std::string>& names) {
  const auto other = std::find_if(
      kOtherWords.begin(), kOtherWords.end(), [&](const auto& one) { return word == one.first; });
  const std::string near = nearest(word, names);
  return {ErrorClass::usage,
          Outcome::permanent,
          "usage",
          "'" + word + "' is no command of ckpt",
          other != kOtherWords.end() ? "Did you mean " + std::string(other->second) + "?"
          : near.empty()             ? "Type `ckpt --help` for the list."
                                     : "Did you mean `ckpt " + near + "`?"};
}

constexpr std::array kStatuses{
    StatusMeaning{0, "done"},
    StatusMeaning{1, "failed"},
    StatusMeaning{2, "usage"},
    StatusMeaning{3, "no such thing"},
    StatusMeaning{4, "the state does not allow it"},
    StatusMeaning{5, "no daemon"},
    StatusMeaning{6, "refused"},
    StatusMeaning{7, "engine or scheduler not usable"},
    StatusMeaning{8, "timed out"},
};

} // namespace

std::span<const StatusMeaning> exit_statuses() {
  return kStatuses;
}

Cli::Cli() : impl_(std::make_unique<Impl>()) {
  add_cluster_option(impl_->app, *impl_->shared);
  impl_->app.set_version_flag("--version", std::string("ckpt ") + CKPT_VERSION);
  std::string statuses = "Exit status:";
  for (const StatusMeaning& one : kStatuses) {
    statuses += (one.status == 0 ? " " : ", ") + std::to_string(one.status) + " " + one.meaning;
  }
  impl_->app.footer(
      "JOB is an id (j-7), a name, a Slurm job id, or `last`.\n"
      "Durations: 90s 30m 24h 24:00:00 1-12.\n" +
      statuses +
      ".\n`run` and `wait` end with the program's own status, and 85 when it was parked.");
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
  if (!args.empty() && args.front() == "help") { // `ckpt help show`, as other programs have it
    args.erase(args.begin());
    args.emplace_back("--help");
  }
  for (const auto& verb : impl_->verbs) {
    if (verb->bare_program && !args.empty() && args.front() == verb->app->get_name()) {
      set_apart(*verb, args);
    }
  }
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
    return tl::unexpected(no_such_verb(args.front(), names));
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
    if (verb != nullptr && verb->program != nullptr && !has_dashes && !first_word(*verb).empty()) {
      return usage("`" + name +
                       "` cannot tell what is meant by: " + join(verb->app->remaining(), " "),
                   advice_on_words(*verb));
    }
    if (!word.empty()) {
      return usage("`" + name + "` has no option " + word, "Type `" + name + " --help`.");
    }
    return usage(said(name, error), usual_advice(verb, name));
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
