#include "client/commands/commands.hpp"
#include "client/completion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

using namespace ckpt;
using namespace ckpt::client;

namespace {

using Words = std::vector<std::string>;

/// All verbs, as main() has them.
const std::vector<VerbDescription>& verbs() {
  static Cli cli;
  static const bool added = (add_all(cli), true);
  static const std::vector<VerbDescription> all = cli.describe();
  (void)added;
  return all;
}

bool has(const Completion& found, const std::string& word) {
  return std::find(found.words.begin(), found.words.end(), word) != found.words.end();
}

} // namespace

TEST_CASE("completion: verbs, and verbs below a verb") {
  const Completion first = complete(verbs(), {"c"});
  CHECK(has(first, "checkpoint"));
  CHECK(has(first, "cancel"));
  CHECK_FALSE(has(first, "show"));
  CHECK_FALSE(first.jobs);
  CHECK(complete(verbs(), {""}).words.size() == verbs().size());
  CHECK(complete(verbs(), {"daemon", "st"}).words.size() == 3); // start, stop, status
  CHECK(complete(verbs(), {"nonsense", ""}).words.empty());
}

TEST_CASE("completion: jobs where a JOB stands, options behind a dash") {
  CHECK(complete(verbs(), {"show", ""}).jobs);
  CHECK(complete(verbs(), {"stop", "j-1", "j-"}).jobs);
  CHECK_FALSE(complete(verbs(), {"version", ""}).jobs);
  const Completion options = complete(verbs(), {"restart", "j-1", "--gen"});
  CHECK(options.words == Words{"--generation"});
  CHECK_FALSE(options.jobs);
}

TEST_CASE("completion: generations of the job that is named, states, shells, jobs that are over") {
  CHECK(complete(verbs(), {"restart", "j-1", "--generation", ""}).generations_of == "j-1");
  CHECK(complete(verbs(), {"restart", "--keep", "2", "sim", "--generation", "g"}).generations_of ==
        "sim");
  CHECK(complete(verbs(), {"restart", "--generation", ""}).generations_of.empty());
  const Completion pinned = complete(verbs(), {"pin", "j-1", ""});
  CHECK(pinned.generations_of == "j-1");
  CHECK_FALSE(pinned.jobs);
  CHECK(complete(verbs(), {"ls", "--state", "par"}).words == Words{"parked"});
  CHECK(complete(verbs(), {"ls", "--state", ""}).words.size() == 7);
  CHECK(complete(verbs(), {"completion", ""}).words == Words{"bash", "zsh", "fish"});
  CHECK(complete(verbs(), {"rm", ""}).over);
  CHECK_FALSE(complete(verbs(), {"show", ""}).over);
  CHECK(complete(verbs(), {"help", "sho"}).words == Words{"show"});
}

TEST_CASE("completion: values that are words, files, and the program behind --") {
  const Completion engines = complete(verbs(), {"submit", "--engine", ""});
  CHECK(has(engines, "dmtcp"));
  CHECK(has(engines, "auto"));
  CHECK_FALSE(has(engines, "mana")); // no engine of today
  CHECK(complete(verbs(), {"submit", "--engine=d"}).words == Words{"--engine=dmtcp"});
  const Completion every = complete(verbs(), {"submit", "--every", ""});
  CHECK(every.words == Words{"auto", "off"}); // a duration is not a word to offer
  CHECK(complete(verbs(), {"submit", "-o", ""}).files);
  CHECK(complete(verbs(), {"submit", "--", "./si"}).files);
  CHECK(complete(verbs(), {"submit", "--", "./si"}).words.empty());
}

TEST_CASE("every verb and option says what it is for, and no name stands twice in a verb") {
  for (const VerbDescription& verb : verbs()) {
    CHECK_FALSE_MESSAGE(verb.help.empty(), verb.name);
    std::set<std::string> names;
    for (const VerbDescription::Option& option : verb.options) {
      for (const std::string& name : option.names) {
        CHECK_FALSE_MESSAGE(option.help.empty(), (verb.name + " " + name));
        CHECK_MESSAGE(names.insert(name).second, (verb.name + " " + name));
      }
    }
  }
}

TEST_CASE("the shells accept what they are given") {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CHECK(completion_script(shell).find("__complete") != std::string::npos);
  }
  CHECK(completion_script("tcsh").empty());
  const std::string check = "bash -n <<'END'\n" + completion_script("bash") + "END\n";
  CHECK(std::system(check.c_str()) == 0);
}
