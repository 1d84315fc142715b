#include "api/config_keys.hpp"
#include "client/cli.hpp"
#include "client/commands/commands.hpp"

#include <algorithm>

#include "docs/man/environment.hpp"
#include "docs/man/pages.hpp"
#include "docs/man/roff.hpp"

namespace ckpt::man {
namespace {

using client::VerbDescription;

constexpr const char* kGeneral = "General"; // what every command takes; told once

std::string option_term(const VerbDescription::Option& option) {
  std::string term;
  for (const std::string& name : option.names) {
    term += (term.empty() ? "" : ", ") + bold(name);
  }
  return option.value.empty() ? term : term + " " + italic(option.value);
}

/// "ckpt logs [OPTIONS] JOB".
std::string synopsis(const std::string& name, const VerbDescription& verb) {
  std::string text = name + " [OPTIONS]";
  for (const auto& [argument, help] : verb.arguments) {
    text += " " + argument;
  }
  return text + (verb.takes_program ? " -- PROGRAM ARGS…" : "");
}

std::vector<std::string> groups_of(const VerbDescription& verb) {
  std::vector<std::string> groups;
  for (const VerbDescription::Option& option : verb.options) {
    // An empty one hides what is in it, here as in --help.
    if (option.group != kGeneral && !option.group.empty() &&
        std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  return groups;
}

/// The options of a group, as roff.
std::string options_of(const VerbDescription& verb, const std::string& group) {
  Page page("", 1, "", "");
  const std::size_t head = page.str().size();
  for (const VerbDescription::Option& option : verb.options) {
    if (option.group == group) {
      page.item(option_term(option), option.help);
    }
  }
  return page.str().substr(head);
}

class Commands {
public:
  explicit Commands(Page& page) : page_(page) {}

  void add(const VerbDescription& verb, const std::string& above) {
    const std::string name = above + " " + verb.name;
    if (!verb.verbs.empty()) {
      for (const VerbDescription& child : verb.verbs) {
        add(child, name);
      }
      return;
    }
    page_.subsection(synopsis(name, verb)).text(verb.help + ".");
    for (const auto& [argument, help] : verb.arguments) {
      page_.item(italic(argument), help);
    }
    for (const std::string& group : groups_of(verb)) {
      add_group(verb, group, name);
    }
    if (!verb.footer.empty()) {
      page_.text(verb.footer);
    }
  }

private:
  /// What `submit` and `restart` have in common is long: it stands there once.
  void add_group(const VerbDescription& verb, const std::string& group, const std::string& name) {
    const std::string options = options_of(verb, group);
    const auto told = std::find_if(
        told_.begin(), told_.end(), [&](const Told& one) { return one.options == options; });
    if (told != told_.end()) {
      page_.text(group + ": as for `" + told->verb + "`.");
      return;
    }
    constexpr std::size_t kLong = 12;
    if (static_cast<std::size_t>(std::count(options.begin(), options.end(), '\n')) > 3 * kLong) {
      told_.push_back({name, options});
    }
    if (group != "Options") {
      page_.text(group + ":");
    }
    for (const VerbDescription::Option& option : verb.options) {
      if (option.group == group) {
        page_.item(option_term(option), option.help);
      }
    }
  }

  struct Told {
    std::string verb;
    std::string options;
  };
  Page& page_;
  std::vector<Told> told_;
};

void add_general_options(Page& page, const client::Cli& cli, const VerbDescription& any) {
  page.section("Options").text("Every command takes these:");
  for (const VerbDescription::Option& option : any.options) {
    if (option.group == kGeneral) {
      page.item(option_term(option), option.help);
    }
  }
  page.text("Without a command:");
  for (const VerbDescription::Option& option : cli.describe_itself().options) {
    const bool told = std::any_of(any.options.begin(), any.options.end(), [&](const auto& other) {
      return other.names == option.names;
    });
    if (!told) {
      page.item(option_term(option), option.help);
    }
  }
}

void add_files(Page& page) {
  page.section("Files")
      .item(italic("~/.config/ckptd/config.toml"), "the configuration, see ckptd.toml(5)")
      .item(italic("~/.local/state/ckptd/CLUSTER/"),
            "the state folder: `registry.db`, `owner.json`, `endpoint.json`, `token`, `ckptd.log`; "
            "yours alone")
      .item(italic("STORE/jobs/JOB/"),
            "all that is known of a job, its checkpoints included; `ckpt paths` tells where the "
            "store is");
}

} // namespace

std::string ckpt_page(const std::string& date) {
  client::Cli cli;
  client::add_all(cli);
  const std::vector<VerbDescription> verbs = cli.describe();
  Page page("CKPT", 1, date, "User Commands");
  page.section("Name").text("ckpt - long computations across short allocations");
  page.section("Synopsis").text("`ckpt` [--cluster NAME] COMMAND [ARGUMENTS]");
  page.section("Description")
      .text("ckpt carries an unmodified program over as many allocations of a batch system as it "
            "needs: it takes checkpoints, the last one just before each allocation ends, and goes "
            "on from there in the next, on whatever node. All of it belongs to the user: a daemon, "
            "ckptd(8), which ckpt starts when it needs it, and a small process in each "
            "allocation.")
      .text("`JOB` is an id (`j-7`), a name, a number of Slurm's, or `last`. Durations: `90s`, "
            "`30m`, `24h`, `24:00:00`, `1-12`; a bare number is refused, but by `--time`, which "
            "takes what sbatch takes. `gN` is a checkpoint, as `ckpt gens` lists them.");
  add_general_options(page, cli, verbs.front());
  page.section("Commands");
  Commands commands(page);
  for (const VerbDescription& verb : verbs) {
    commands.add(verb, "ckpt");
  }
  page.section("Exit status");
  for (const client::StatusMeaning& one : client::exit_statuses()) {
    page.item(bold(std::to_string(one.status)), one.meaning);
  }
  page.text("`ckpt run` and `ckpt wait` end with the program's own status, 128+n for signal n, and "
            "85 when the job was parked.");
  add_environment(page);
  page.item(bold("SBATCH_*"),
            "as for sbatch(1), in `ckpt submit` and `ckpt sbatch`: what an option would say that "
            "was not typed (SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT, SBATCH_OUTPUT)")
      .item(bold("NO_COLOR"), "no colours, also on a terminal");
  add_files(page);
  page.section("Examples")
      .example({"ckpt submit --time 24:00:00 -J simulation -- ./simulate input.dat",
                "ckpt ls",
                "ckpt show simulation",
                "ckpt checkpoint simulation",
                "ckpt stop simulation",
                "ckpt restart simulation --generation g3",
                "ckpt why simulation"});
  page.see_also({{"ckptd.toml", 5}, {"ckptd", 8}, {"sbatch", 1}, {"squeue", 1}});
  return page.str();
}

} // namespace ckpt::man
