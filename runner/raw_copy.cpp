#include "runner/raw_copy.hpp"

#include "core/store/generations.hpp"

#include <cstdio>
#include <map>

namespace ckpt::runner {
namespace {

int usage() {
  std::fprintf(stderr, "usage: ckpt-runner raw-copy --job FOLDER --generation gN --to FOLDER\n");
  return 2;
}

} // namespace

int run_raw_copy(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> options;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    options[arguments[i]] = arguments[i + 1];
  }
  const auto generation = GenerationId::parse(options["--generation"]);
  if (arguments.size() != 6 || options.size() != 3 || !generation ||
      !Path(options["--job"]).is_absolute() || !Path(options["--to"]).is_absolute()) {
    return usage();
  }
  const store::Generations generations(options["--job"]);
  const auto manifest = generations.read_manifest(*generation);
  const auto copies = manifest ? generations.copy_raw(*manifest, options["--to"])
                               : tl::unexpected<Error>(manifest.error());
  if (!copies) {
    std::fprintf(stderr, "%s\n", copies.error().message.c_str());
    if (!copies.error().advice.empty()) {
      std::fprintf(stderr, "  %s\n", copies.error().advice.c_str());
    }
    std::printf("%s\n", copies.error().code.c_str());
    return 1;
  }
  for (const Path& copy : *copies) {
    std::printf("%s\n", copy.c_str());
  }
  return 0;
}

} // namespace ckpt::runner
