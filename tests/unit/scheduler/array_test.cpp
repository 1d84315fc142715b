#include "core/domain/array.hpp"
#include "core/scheduler/scheduler.hpp"
#include "core/scheduler/slurm/commands.hpp"
#include "core/scheduler/slurm/parse.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::scheduler;

namespace {

Allocation shown(const char* id, const std::string& comment) {
  Allocation allocation;
  allocation.id.value = id;
  allocation.comment = comment;
  return allocation;
}

bool has(const slurm::Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

} // namespace

TEST_CASE("tasks share a comment, and none of them has another one's token") {
  const std::string comment = comment_with_token("the user's", SubmissionToken{"00ff"});
  CHECK(token_of(shown("24", comment)) == SubmissionToken{"00ff"});
  CHECK(token_of(shown("24_7", comment)) == SubmissionToken{"00ff.7"});
  CHECK(token_of(shown("24_0", comment)) == SubmissionToken{"00ff.0"});
  CHECK_FALSE(token_of(shown("24_[8-10%2]", comment)));
  CHECK_FALSE(token_of(shown("24_", comment)));
  CHECK_FALSE(token_of(shown("24_7", "none of ours")));
  // The comment alone can never name a task, whatever stands in it.
  CHECK(token_of(shown("24", "ckpt:00ff.7")) == SubmissionToken{"00ff"});
}

TEST_CASE("an array is one sbatch with its limit, and a log for each task") {
  Submission wish;
  wish.token = {"00ff"};
  wish.script = "/store/arrays/00ff/batch.sh";
  wish.output_path = "/not/this";
  wish.tasks =
      SubmittedTasks{{1, 2, 3, 7}, 10, {"/s 100%/tasks/", "/submissions/00ff.", "/batch.log"}};
  const auto words = slurm::sbatch_command(wish);
  REQUIRE(words);
  CHECK(has(*words, "--array=1-3,7%10"));
  CHECK(has(*words, "--output=/s 100%%/tasks/%a/submissions/00ff.%a/batch.log"));
  CHECK(has(*words, "--comment=ckpt:00ff"));

  wish.tasks->output_pieces.front() = "/s\\/";
  const auto refused = slurm::sbatch_command(wish);
  REQUIRE_FALSE(refused); // Slurm would take %a as it is
  CHECK(refused.error().code == "store_path_unsuitable");

  wish.tasks.reset();
  wish.args = {"--array=1-3"};
  const auto twice = slurm::sbatch_command(wish);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == "option_not_supported");
}

TEST_CASE("tasks in one line of accounting are one allocation each") {
  const auto read = slurm::parse_accounting(
      "24_[8-9%2]|CANCELLED by 1000||0:0|Unknown|None|2026-11-22T05:00:00|None assigned|debug|sim|"
      "ckpt:00ff\n24_7|COMPLETED||0:0|Unknown|None|2026-11-22T05:00:00|n1|debug|sim|ckpt:00ff\n",
      "|");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  REQUIRE(read->size() == 3);
  CHECK(read->at(0).id.value == "24_8");
  CHECK(read->at(1).id.value == "24_9");
  CHECK(read->at(1).state == AllocationState::cancelled);
  CHECK(token_of(read->at(1)) == SubmissionToken{"00ff.9"});
  CHECK(read->at(2).id.value == "24_7");
  CHECK(read->at(2).state == AllocationState::completed);
}
