#include "core/script/interpreter.hpp"

#include "core/base/strings.hpp"

namespace ckpt::script {
namespace {

tl::unexpected<Error> bad_script(const std::string& message, const std::string& advice) {
  return fail(ErrorClass::usage, "bad_script", message, advice);
}

} // namespace

Result<std::vector<std::string>> interpreter_of(std::string_view script) {
  if (script.size() > kLargestScript) {
    return bad_script("the batch script has more than " + human_bytes(kLargestScript),
                      "Keep data in files of its own.");
  }
  if (trim(script).empty()) {
    return bad_script("the batch script is empty", "Write one, or name another file.");
  }
  if (script.find('\0') != std::string_view::npos) {
    return bad_script("the batch script contains a NUL byte",
                      "Is it a program? Then: `ckpt submit -- PROGRAM`.");
  }
  if (script.find("\r\n") != std::string_view::npos) {
    return bad_script("the batch script contains DOS line breaks (\\r\\n)",
                      "Convert it: `sed -i 's/\\r$//' SCRIPT`.");
  }
  constexpr std::string_view kMark = "#!";
  const std::string_view line =
      script.starts_with(kMark) ? trim(script.substr(2, script.find('\n') - 2)) : "";
  if (line.empty()) {
    return bad_script("the first line of a batch script must be #! and the path of an interpreter",
                      "Begin it with #!/bin/bash, for example.");
  }
  const std::size_t blank = line.find_first_of(" \t");
  std::vector<std::string> words{std::string(line.substr(0, blank))};
  if (blank != std::string_view::npos) {
    words.emplace_back(trim(line.substr(blank)));
  }
  return words;
}

} // namespace ckpt::script
