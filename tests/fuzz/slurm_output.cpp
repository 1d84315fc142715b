// What squeue, sacct, sinfo, scontrol and sbatch print.
#include "core/scheduler/slurm/errors.hpp"
#include "core/scheduler/slurm/parse.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt;
using namespace ckpt::scheduler::slurm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  constexpr std::string_view kSeparator = "|";
  switch (fuzz::choice(text, 9)) {
  case 0:
  case 1: {
    const auto all = parse_queue(text, kSeparator);
    fuzz::require(all || all.error().outcome == Outcome::retryable, "unreadable is no answer");
    return 0;
  }
  case 2:
    (void)parse_accounting(text, kSeparator);
    return 0;
  case 3:
    (void)parse_leaving_nodes(text, kSeparator);
    return 0;
  case 4:
    for (const auto& [partition, grace] : parse_grace_times(text)) {
      fuzz::require(grace > Duration{0}, "a grace time is above zero");
    }
    return 0;
  case 5:
    if (const auto id = parse_submitted_id(text)) {
      fuzz::require(!id->empty() && id->find_first_not_of("0123456789") == std::string::npos,
                    "an id is a number: it goes into command lines");
    }
    return 0;
  case 6:
    (void)parse_config(text);
    return 0;
  case 7:
    (void)parse_time(text);
    (void)parse_limit(text);
    return 0;
  default: {
    CommandResult result;
    result.status.code = 1;
    result.err = std::string(text);
    fuzz::require(words_of(result).find('\n') == std::string::npos, "one line");
    (void)submit_error(result, {"--partition=debug", "-t", "10"});
    (void)command_error("cancel job 1", result);
    return 0;
  }
  }
}
