#include "daemon/daemon.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::daemon;

TEST_CASE("ckptd's options, and what is near to one") {
  CHECK(read_command_line({})->config.empty());
  CHECK(read_command_line({"--config", "a.toml"})->config == "a.toml");
  CHECK(read_command_line({"--config=b.toml", "--foreground"})->config == "b.toml");
  CHECK(read_command_line({"--foreground"})->foreground);
  CHECK(read_command_line({"--rebuild"})->rebuild);
  CHECK(read_command_line({"--adopt-store"})->adopt_store);
  CHECK(read_command_line({"--config"}).error().cls == ErrorClass::usage);
  const auto wrong = read_command_line({"--rebuidl"});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().advice == "Did you mean --rebuild?");
  for (const OptionHelp& option : options()) {
    const std::vector<std::string> words = std::string(option.value).empty()
                                               ? std::vector<std::string>{option.name}
                                               : std::vector<std::string>{option.name, "x"};
    CHECK_MESSAGE(read_command_line(words).has_value(), option.name);
  }
}
