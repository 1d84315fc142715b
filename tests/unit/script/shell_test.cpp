#include "core/base/strings.hpp"
#include "core/script/shell.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::script;

namespace {

/// "3:srun -n 4 ./a&" for each command that is called srun.
std::vector<std::string> sruns(const std::string& text) {
  std::vector<std::string> found;
  for (const ShellCommand& command : read_commands(text)) {
    const auto words = without_wrappers(command.words);
    if (words.empty() || words.front().text != "srun") {
      continue;
    }
    std::vector<std::string> raw;
    for (const ShellWord& word : words) {
      raw.push_back(word.raw);
    }
    found.push_back(std::to_string(command.line) + ":" + join(raw, " ") +
                    (command.background ? "&" : ""));
  }
  return found;
}

using List = std::vector<std::string>;

} // namespace

TEST_CASE("commands are found where the shell would run them") {
  CHECK(sruns("srun a\n") == List{"1:srun a"});
  CHECK(sruns("#!/bin/sh\n\nif srun a; then srun b & fi\n") == List{"3:srun a", "3:srun b&"});
  CHECK(sruns("A=1 B=$C srun a && time srun b || ! srun c | exec srun d") ==
        List{"1:srun a", "1:srun b", "1:srun c", "1:srun d"});
  CHECK(sruns("f() {\n  srun \\\n    -n 4 a\n}\nf") == List{"2:srun -n 4 a"});
  CHECK(sruns("x=$(srun a); y=\"$(srun b)\"; z=`srun c`") ==
        List{"1:srun a", "1:srun b", "1:srun c"});
  CHECK(sruns("for i in 1 2; do srun a $i & done; wait") == List{"1:srun a $i&"});
  CHECK(sruns("srun a > out 2>&1 < in &\nsrun b &> x\nsrun c 2>/dev/null >>y") ==
        List{"1:srun a&", "2:srun b", "3:srun c"});
  CHECK(sruns("(cd x; srun a)\ncase $x in a) srun b;; esac\nwhile :; do srun c; done") ==
        List{"1:srun a", "2:srun b", "3:srun c"});
  CHECK(sruns("nohup timeout -k 5 60 nice -n 5 env A=1 srun a") == List{"1:srun a"});
  CHECK(sruns("diff <(srun a) <(srun b)") == List{"1:srun a", "1:srun b"});
}

TEST_CASE("comments, strings, here-documents and arithmetic hold no commands") {
  CHECK(sruns("# srun a\necho srun b # srun c\necho 'srun\nd' \"srun e\"\n").empty());
  CHECK(sruns("cat <<EOF > f\nsrun a\nEOF\nsrun b") == List{"4:srun b"});
  CHECK(sruns("cat <<-'E O' <<B\nsrun a\n\tE O\nsrun b\nB\nsrun c\n") == List{"6:srun c"});
  CHECK(sruns("cat <<< srun\nsrun b") == List{"2:srun b"});
  CHECK(sruns("((x = 1 << 3))\necho $((1 << 2)) ${x:-srun a}\nsrun b").back() == "3:srun b");
  CHECK(sruns("srunner a; ./srun.sh; mysrun").empty());
}

TEST_CASE("what a variable holds is marked as not known") {
  const auto commands = read_commands("srun $OPTS 'a b' \"c $d\" *.x\n");
  REQUIRE(commands.size() == 1);
  const auto& words = commands[0].words;
  REQUIRE(words.size() == 5);
  CHECK_FALSE(words[1].literal);
  CHECK(words[2].literal);
  CHECK(words[2].text == "a b");
  CHECK_FALSE(words[3].literal);
  CHECK_FALSE(words[4].literal);
}

TEST_CASE("no text is too strange to be read to its end") {
  for (const std::string text :
       {"'", "\"", "`", "$(", "$((", "${", "<<", "<<EOF", "\\", "&&&|;)(", "a=(1 2", "<(", "}{"}) {
    CHECK(read_commands(text).size() < 9);
  }
  CHECK(read_commands(std::string(5000, '(')).empty());
  std::string nested;
  for (int i = 0; i < 5000; ++i) {
    nested += "$(";
  }
  CHECK(read_commands(nested).size() <= 5000);
}
