#include "client/autostart.hpp"
#include "core/base/files.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace ckpt;
using client::may_start_daemon;

TEST_CASE("the daemon is started unless the variable or the configuration says no") {
  const Path file = Path("/tmp") / ("ckptd-autostart-" + std::to_string(::getpid()) + ".toml");
  const auto with = [&](const std::string& text, const api::Environment& env = {}) {
    REQUIRE(write_file_atomically(file, text));
    return may_start_daemon(file, env);
  };
  CHECK(may_start_daemon("/nonexistent/config.toml", {}));
  CHECK(with(""));
  CHECK(with("[daemon]\nautostart = true\n"));
  CHECK_FALSE(with("[daemon]\nautostart = false\n"));
  CHECK_FALSE(with("[daemon]\nautostart = \"false\"\n"));
  CHECK(with("[daemon\n")); // the daemon tells what is wrong
  CHECK_FALSE(with("", {{"CKPTD_AUTOSTART", "0"}}));
  CHECK(with("[daemon]\nautostart = false\n", {{"CKPTD_AUTOSTART", "1"}}));
  CHECK_FALSE(with("[daemon]\nautostart = false\n", {{"CKPTD_AUTOSTART", ""}}));
  CHECK(remove_file(file));
}
