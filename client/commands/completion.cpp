#include "client/completion.hpp"

#include "client/commands/commands.hpp"
#include "client/session.hpp"

namespace ckpt::client {

void add_completion(Cli& cli) {
  auto shell = std::make_shared<std::string>();
  Verb verb = cli.verb("completion", "What lets your shell complete commands, options and jobs");
  verb.argument("SHELL", *shell, "bash, zsh or fish");
  verb.footer("For bash, into ~/.bashrc:  eval \"$(ckpt completion bash)\"");
  verb.runs([shell](Session& session) {
    const std::string script = completion_script(*shell);
    if (script.empty()) {
      return session.fail(Error{ErrorClass::usage,
                                Outcome::permanent,
                                "usage",
                                "there is no completion for '" + *shell + "'",
                                "Name one of bash, zsh, fish."});
    }
    (void)std::fputs(script.c_str(), session.raw_out());
    return 0;
  });
}

} // namespace ckpt::client
