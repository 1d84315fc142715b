#include "client/commands/commands.hpp"
#include "client/session.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"

namespace ckpt::client {
namespace {

/// A browser on the person's own machine reaches our loopback only through a tunnel. The local port
/// is the same: the daemon refuses a Host header that names another one.
void say_how_from_afar(Session& session, const api::Endpoint& endpoint) {
  const std::string port = endpoint.tcp->substr(endpoint.tcp->rfind(':') + 1);
  const std::string user = session.env_value("USER");
  session.say("from another machine, first type there:\n  ssh -L " + port + ":127.0.0.1:" + port +
              " " + (user.empty() ? "" : user + "@") + endpoint.host);
}

/// The browser gets the address from a file of ours: on its command line everybody could read the
/// token.
Status open_browser(Session& session, const std::string& url) {
  const auto paths = session.paths();
  if (!paths) {
    return tl::unexpected(paths.error());
  }
  const Path page = paths->state_dir / "dashboard.html";
  const std::string text = "<!doctype html><meta charset=\"utf-8\"><title>ckptd</title>"
                           "<meta name=\"referrer\" content=\"no-referrer\">"
                           "<meta http-equiv=\"refresh\" content=\"0;url=" +
                           url + "\"><a href=\"" + url + "\">ckptd</a>\n";
  if (auto written = write_file_atomically(page, text, 0600); !written) {
    return written;
  }
  const auto opened = run_command({.argv = {"xdg-open", page.string()}});
  if (!opened) {
    return fail(ErrorClass::unusable,
                "no_browser",
                "xdg-open could not be started: " + opened.error().message,
                "Copy the address into a browser.");
  }
  if (!opened->status.success()) {
    return fail(ErrorClass::unusable,
                "no_browser",
                "xdg-open found no browser (" + opened->status.describe() + ")",
                "Copy the address into a browser.");
  }
  return {};
}

int show_dashboard(Session& session, bool open) {
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  const api::Endpoint& endpoint = (*daemon)->endpoint();
  if (!endpoint.tcp) {
    return session.fail({ErrorClass::unusable,
                         Outcome::permanent,
                         "no_tcp",
                         "the daemon listens on its socket only, which no browser can open",
                         "Set api.tcp to auto, then `ckpt daemon restart`."});
  }
  const auto token = api::read_token(endpoint.token_file);
  if (!token) {
    return session.fail(token.error());
  }
  // Behind the #: a browser keeps that to itself, it is in no request and in no log.
  const std::string url = "http://" + *endpoint.tcp + "/#token=" + *token;
  if (session.json()) {
    session.out().pairs({{"url", url}});
  } else {
    (void)std::fputs((url + "\n").c_str(), session.raw_out());
    (void)std::fflush(session.raw_out());
  }
  if (open) {
    const auto opened = open_browser(session, url);
    return opened ? 0 : session.fail(opened.error());
  }
  if (!session.env_value("SSH_CONNECTION").empty()) {
    say_how_from_afar(session, endpoint);
  }
  return 0;
}

} // namespace

void add_dashboard(Cli& cli) {
  auto open = std::make_shared<bool>(false);
  Verb verb = cli.verb("dashboard", "Address of the web page, with the key to it");
  verb.flag("--open", *open, "Open it in the browser of this machine");
  verb.footer("The address lets its holder act on your jobs: it is for your browser alone.");
  verb.runs([open](Session& session) { return show_dashboard(session, *open); });
}

} // namespace ckpt::client
