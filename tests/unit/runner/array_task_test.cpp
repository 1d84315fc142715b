#include "core/domain/array.hpp"
#include "core/store/array_folder.hpp"
#include "runner/program.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

// Which job the one batch script of an array is for, and what its program is told.

using namespace ckpt;
using namespace ckpt::runner;

namespace {

const SubmissionToken kArray{"00ff"};

JobSpec spec_of(std::int64_t id, std::int64_t index) {
  JobSpec spec;
  spec.id = JobId{id};
  spec.name = "sim_" + std::to_string(index);
  spec.argv = {"./sim"};
  spec.cwd = "/home/ada";
  spec.scheduler = SchedulerKind::slurm;
  spec.array = ArrayTask{JobId{3}, kArray, "sim", index, 2, 1, 7, 6, 10};
  return spec;
}

/// Tasks 1 (j-3) and 7 (j-4).
struct Place {
  Place() {
    REQUIRE(folder.make());
    for (const auto& [id, index] : {std::pair<std::int64_t, std::int64_t>{3, 1}, {4, 7}}) {
      REQUIRE(store.create_job(spec_of(id, index), Policy{}));
      REQUIRE(folder.link_task(index, JobId{id}));
    }
  }
  Context context(const std::string& index, const std::string& token) const {
    Context context;
    context.job_path = folder.tasks() / index;
    context.token = {token};
    context.scheduler = SchedulerKind::slurm;
    context.env = {{"SLURM_JOB_ID", "24"},
                   {"SLURM_ARRAY_JOB_ID", "24"},
                   {"SLURM_ARRAY_TASK_ID", index},
                   {"SLURM_ARRAY_TASK_COUNT", "1"}};
    context.scheduler_job_id = slurm_job_id(context.env);
    return context;
  }
  test::TempDir dir;
  store::Store store = *store::Store::open(dir.path());
  store::ArrayFolder folder{store.root(), kArray};
};

} // namespace

TEST_CASE("a task is called by array and index, never by a number that may be the whole array's") {
  CHECK(slurm_job_id({{"SLURM_JOB_ID", "29"}}).value == "29");
  CHECK(slurm_job_id(
            {{"SLURM_JOB_ID", "24"}, {"SLURM_ARRAY_JOB_ID", "24"}, {"SLURM_ARRAY_TASK_ID", "7"}})
            .value == "24_7");
  const auto context = read_context({"--job", "/s/arrays/00ff/tasks/7", "--token", "00ff.7"},
                                    {{"SLURM_JOB_ID", "24"},
                                     {"SLURM_ARRAY_JOB_ID", "24"},
                                     {"SLURM_ARRAY_TASK_ID", "7"},
                                     {"SLURM_RESTART_COUNT", "2"}});
  REQUIRE(context);
  CHECK(context->scheduler_job_id.value == "24_7");
  CHECK(context->restart_count == 2);
}

TEST_CASE("a task finds its own job, and claims for no other one") {
  const Place place;
  Context seven = place.context("7", "00ff.7");
  REQUIRE(find_own_folder(seven));
  CHECK(seven.job_path == place.store.job(JobId{4}).path());

  Context mixed = place.context("7", "00ff.1");
  const auto refused = find_own_folder(mixed);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "not_this_task");

  Context gone = place.context("9", "00ff.9");
  const auto missing = find_own_folder(gone);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == "no_such_file");

  // A link that leads astray is seen before anything is claimed.
  std::filesystem::remove(place.folder.tasks() / "1");
  std::filesystem::create_symlink(place.store.job(JobId{4}).path(), place.folder.tasks() / "1");
  Context astray = place.context("1", "00ff.1");
  CHECK_FALSE(find_own_folder(astray));

  Context alone = place.context("7", "00aa");
  alone.env = {{"SLURM_JOB_ID", "31"}};
  alone.job_path = place.store.job(JobId{4}).path();
  REQUIRE(find_own_folder(alone));
  CHECK(alone.job_path == place.store.job(JobId{4}).path());
}

TEST_CASE("the program is told of the whole array in every attempt") {
  const Place place;
  Context context = place.context("7", "00ff.7");
  REQUIRE(find_own_folder(context));
  const JobSpec spec = *context.folder().read_spec();
  const auto told = [&] {
    return make_program(context, spec, Policy{}, AttemptId{1}, "/tmp/t").env;
  };
  const auto check = [&](const std::map<std::string, std::string>& env) {
    CHECK(env.at("SLURM_ARRAY_JOB_ID") == "24");
    CHECK(env.at("SLURM_ARRAY_TASK_ID") == "7");
    CHECK(env.at("SLURM_ARRAY_TASK_COUNT") == "2");
    CHECK(env.at("SLURM_ARRAY_TASK_MIN") == "1");
    CHECK(env.at("SLURM_ARRAY_TASK_MAX") == "7");
    CHECK(env.at("SLURM_ARRAY_TASK_STEP") == "6");
  };
  store::Claim claim;
  claim.token = context.token;
  claim.scheduler_job_id = context.scheduler_job_id;
  REQUIRE(context.folder().claim(claim));
  check(told());
  context.env = {{"SLURM_JOB_ID", "31"}}; // submitted again, alone
  context.scheduler_job_id = {"31"};
  check(told());
  const auto out = fix_output_paths(context, spec);
  REQUIRE(out);
  CHECK(out->out == "/home/ada/slurm-24_7.out");
}
