#include "client/completion.hpp"

#include "client/selection.hpp"
#include "client/session.hpp"
#include "core/base/strings.hpp"

#include <algorithm>
#include <set>

namespace ckpt::client {
namespace {

constexpr const char* kBash = R"sh(# bash completion for ckpt: eval "$(ckpt completion bash)"
_ckpt() {
  local line kind=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) kind=files ;;
      ?*) COMPREPLY+=("$line") ;;
    esac
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ "$kind" = files ] && compopt -o default 2>/dev/null
  return 0
}
complete -F _ckpt ckpt
)sh";

constexpr const char* kZsh = R"sh(#compdef ckpt
# zsh completion for ckpt: eval "$(ckpt completion zsh)", or as _ckpt in a folder of $fpath
_ckpt() {
  local -a found
  local line kind=
  while IFS= read -r line; do
    case $line in
      :files) kind=files ;;
      ?*) found+=("$line") ;;
    esac
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( ${#found} )) && compadd -- "${found[@]}"
  [[ $kind = files ]] && _files
  return 0
}
if [ "$funcstack[1]" = "_ckpt" ]; then _ckpt; else compdef _ckpt ckpt; fi
)sh";

constexpr const char* kFish = R"sh(# fish completion for ckpt: ckpt completion fish | source
function __ckpt_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] __complete $words[2..-1] 2>/dev/null | string match -v ':files'
end
complete -c ckpt -a '(__ckpt_complete)'
)sh";

const VerbDescription* find_verb(const std::vector<VerbDescription>& verbs,
                                 const std::string& name) {
  const auto found = std::find_if(
      verbs.begin(), verbs.end(), [&](const VerbDescription& verb) { return verb.name == name; });
  return found == verbs.end() ? nullptr : &*found;
}

const VerbDescription::Option* find_option(const VerbDescription& verb, const std::string& word) {
  for (const VerbDescription::Option& option : verb.options) {
    if (std::find(option.names.begin(), option.names.end(), word) != option.names.end()) {
      return &option;
    }
  }
  return nullptr;
}

void add_matching(const std::vector<std::string>& candidates,
                  const std::string& begin,
                  Completion& out) {
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(begin)) {
      out.words.push_back(candidate);
    }
  }
}

/// The words behind a verb, the last one left out, that are neither an option nor the value of one.
std::vector<std::string> positional(const VerbDescription& verb,
                                    const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at + 1 < words.size(); ++at) {
    const VerbDescription::Option* option = find_option(verb, words[at]);
    if (option != nullptr && !option->value.empty()) {
      ++at;
    } else if (!words[at].starts_with("-")) {
      found.push_back(words[at]);
    }
  }
  return found;
}

/// The values of an option that are words: "auto|dmtcp|criu".
void add_values(const VerbDescription::Option& option, const std::string& begin, Completion& out) {
  if (option.value == "STATE") {
    for (const JobState state : Words<JobState>::kAll) {
      add_matching({std::string(word(state))}, begin, out);
    }
  } else if (option.value.find('|') != std::string::npos) {
    std::vector<std::string> values = split(option.value, '|');
    std::erase_if(values, [](const std::string& value) { return value == "D" || value == "N"; });
    add_matching(values, begin, out);
  } else {
    out.files = option.value == "FILE" || option.value == "FOLDER" || option.value == "GLOB";
  }
}

void add_options(const VerbDescription& verb, const std::string& begin, Completion& out) {
  for (const VerbDescription::Option& option : verb.options) {
    add_matching(option.names, begin, out);
  }
}

bool takes_jobs(const VerbDescription& verb) {
  return !verb.arguments.empty() && verb.arguments.front().first.starts_with("JOB");
}

/// Of a verb, behind which `words` stand.
void complete_verb(const VerbDescription& verb,
                   const std::vector<std::string>& words,
                   Completion& out) {
  const std::string& last = words.back();
  const std::vector<std::string> named = positional(verb, words);
  if (std::find(words.begin(), words.end() - 1, "--") != words.end() - 1) {
    out.files = true; // the program and its arguments
    return;
  }
  if (words.size() > 1) {
    const VerbDescription::Option* before = find_option(verb, words[words.size() - 2]);
    if (before != nullptr && !before->value.empty()) {
      out.generations_of = before->value == "gN" && !named.empty() ? named.front() : "";
      return add_values(*before, last, out);
    }
  }
  const std::size_t equals = last.find('=');
  if (last.starts_with("--") && equals != std::string::npos) {
    if (const auto* option = find_option(verb, last.substr(0, equals))) {
      Completion values;
      add_values(*option, last.substr(equals + 1), values);
      for (const std::string& value : values.words) {
        out.words.push_back(last.substr(0, equals + 1) + value);
      }
    }
    return;
  }
  if (last.starts_with("-")) {
    return add_options(verb, last, out);
  }
  const std::string what =
      named.size() < verb.arguments.size() ? verb.arguments[named.size()].first : "";
  if (what == "SHELL") {
    return add_matching({"bash", "zsh", "fish"}, last, out);
  }
  if (what.starts_with("GENERATION") && !named.empty()) {
    out.generations_of = named.front();
    return;
  }
  out.jobs = takes_jobs(verb);
  out.over = verb.name == "rm";
  out.files = verb.takes_program || (!verb.arguments.empty() && !out.jobs);
}

} // namespace

Completion complete(const std::vector<VerbDescription>& verbs,
                    const std::vector<std::string>& words) {
  Completion out;
  const std::vector<VerbDescription>* known = &verbs;
  std::size_t at = !words.empty() && words.front() == "help" ? 1 : 0;
  while (at + 1 < words.size()) {
    const VerbDescription* verb = find_verb(*known, words[at]);
    if (verb == nullptr) {
      return out;
    }
    if (verb->verbs.empty()) {
      complete_verb(*verb, {words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end()}, out);
      return out;
    }
    known = &verb->verbs;
    ++at;
  }
  std::vector<std::string> names;
  for (const VerbDescription& verb : *known) {
    names.push_back(verb.name);
  }
  add_matching(names, words.empty() ? "" : words.back(), out);
  return out;
}

std::string completion_script(const std::string& shell) {
  return shell == "bash" ? kBash : shell == "zsh" ? kZsh : shell == "fish" ? kFish : "";
}

namespace {

void add_jobs(Session& session, bool over, const std::string& begin, std::set<std::string>& out) {
  const auto daemon = session.running_daemon();
  api::JobFilter filter;
  filter.limit = 1000;
  filter.states = over ? kOver : std::vector<JobState>{};
  const auto jobs = daemon ? (*daemon)->list_jobs(filter)
                           : Result<api::Page<api::JobView>>(tl::unexpected(daemon.error()));
  for (const api::JobView& job : jobs ? jobs->items : std::vector<api::JobView>{}) {
    for (const std::string& name : {job.id.str(), job.name}) {
      if (!name.empty() && name.starts_with(begin) && name.find('\n') == std::string::npos) {
        out.insert(name);
      }
    }
  }
  if (std::string("last").starts_with(begin)) {
    out.insert("last");
  }
}

void add_generations(Session& session,
                     const std::string& job,
                     const std::string& begin,
                     std::set<std::string>& out) {
  const auto daemon = session.running_daemon();
  const auto found = daemon ? (*daemon)->generations(job) : tl::unexpected(daemon.error());
  for (const api::GenerationView& one : found ? *found : std::vector<api::GenerationView>{}) {
    if (one.state == GenerationState::sealed && one.id.str().starts_with(begin)) {
      out.insert(one.id.str());
    }
  }
}

} // namespace

int complete_for_shell(const Cli& cli, Session& session, const std::vector<std::string>& words) {
  const Completion found = complete(cli.describe(), words);
  std::set<std::string> candidates(found.words.begin(), found.words.end());
  const std::string begin = words.empty() ? "" : words.back();
  if (found.jobs) {
    add_jobs(session, found.over, begin, candidates);
  }
  if (!found.generations_of.empty()) {
    add_generations(session, found.generations_of, begin, candidates);
  }
  for (const std::string& candidate : candidates) {
    (void)std::fprintf(session.raw_out(), "%s\n", candidate.c_str());
  }
  if (found.files) {
    (void)std::fprintf(session.raw_out(), ":files\n");
  }
  return 0;
}

} // namespace ckpt::client
