#include "api/config_keys.hpp"
#include "daemon/daemon.hpp"

#include <algorithm>

#include "docs/man/environment.hpp"
#include "docs/man/pages.hpp"
#include "docs/man/roff.hpp"

namespace ckpt::man {
namespace {

std::string capital(std::string text) {
  if (!text.empty()) {
    text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  }
  return text;
}

/// "-h" of "Print this help and exit (-h)" is another spelling, and that is for the term.
void add_option(Page& page, const daemon::OptionHelp& option) {
  std::string help = option.help;
  std::string term = bold(option.name);
  if (const std::size_t at = help.rfind(" (-"); at != std::string::npos) {
    term = bold(help.substr(at + 2, 2)) + ", " + term;
    help.erase(at);
  }
  page.item(*option.value == 0 ? term : term + " " + italic(option.value), help);
}

} // namespace

std::string ckptd_page(const std::string& date) {
  Page page("CKPTD", 8, date, "System Administration");
  page.section("Name").text("ckptd - the per-user daemon of ckpt");
  page.section("Synopsis").text("`ckptd` [OPTIONS]");
  page.section("Description")
      .text("ckptd knows all jobs of one user on one cluster, asks the scheduler, submits and "
            "requeues, and serves the API to ckpt(1), to Python and to the dashboard. ckpt starts "
            "it when a command needs it, and it ends by itself half an hour after the last job "
            "(`daemon.idle_exit`). Nobody has to be root.")
      .text("Jobs go on without it: the process in each allocation takes checkpoints, requeues and "
            "finishes on its own, and the daemon reads up on it when it is back. It ends on TERM "
            "and INT.")
      .text("There is one daemon for each state folder, on whatever host; another one is refused "
            "and names the first.");
  page.section("Options");
  for (const daemon::OptionHelp& option : daemon::options()) {
    add_option(page, option);
  }
  page.section("Under systemd")
      .text("The unit `ckptd.service` is for a user's own manager; with lingering it outlives the "
            "login:")
      .example({"systemctl --user enable --now ckptd", "loginctl enable-linger"});
  page.section("Exit status");
  for (const daemon::StatusHelp& one : daemon::exit_statuses()) {
    page.item(bold(std::to_string(one.status)), one.meaning);
  }
  add_environment(page);
  page.section("Files")
      .text("In the state folder, `~/.local/state/ckptd/CLUSTER` (0700):")
      .item(italic("registry.db"),
            "the index of all jobs; made again from the store when it is missing or damaged")
      .item(italic("owner.json"), "whose the folder is: host, process, heartbeat")
      .item(italic("endpoint.json"), "where the API listens: socket, and address of the loopback")
      .item(italic("token"), "what a client shows at the loopback (0600)")
      .item(italic("ckptd.log"), "the log, unless it goes to standard error")
      .text("`ckpt paths` tells where they are, and where the store is.");
  page.see_also({{"ckpt", 1}, {"ckptd.toml", 5}});
  return page.str();
}

std::string ckptd_toml_page(const std::string& date) {
  Page page("CKPTD.TOML", 5, date, "File Formats");
  page.section("Name").text("ckptd.toml - configuration of ckptd and ckpt");
  page.section("Synopsis").text("`~/.config/ckptd/config.toml`");
  page.section("Description")
      .text("The file is TOML. Everything has a default, and a missing file is fine; "
            "`$XDG_CONFIG_HOME/ckptd/config.toml` is taken where that is set, and another one by "
            "`ckptd --config` or `CKPTD_CONFIG`. The environment wins over the file. An unknown "
            "key is an error that names the nearest known one, and the daemon does not start with "
            "it.")
      .text("Durations are texts: `\"90s\"`, `\"30m\"`, `\"24h\"`, `\"24:00:00\"`. Paths are "
            "absolute. The daemon reads the file when it starts: `ckpt daemon restart`. `ckpt "
            "config init` writes a file with every key, `ckpt config show` tells each value and "
            "where it comes from.");
  page.section("Keys");
  for (const api::ConfigKey& key : api::config_keys()) {
    std::string meaning = capital(key.help) + ".";
    if (*key.fallback != 0) {
      meaning += " Default: `" + std::string(key.fallback) + "`.";
    } else if (*key.unset != 0) {
      meaning += " Default: " + std::string(key.unset) + ".";
    }
    if (key.variable != nullptr) {
      meaning += " Environment: `" + std::string(key.variable) + "`.";
    }
    page.item(bold(key.name), meaning);
  }
  page.section("Examples")
      .example({"[store]",
                "path = \"/scratch/me/ckptd\"",
                "",
                "[engine.dmtcp]",
                "root = \"/opt/dmtcp\""});
  page.see_also({{"ckpt", 1}, {"ckptd", 8}});
  return page.str();
}

} // namespace ckpt::man
