// What a batch script gets beside what every program gets.
#include "runner/program.hpp"
#include "runner/srun_tasks.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

JobSpec batch_spec(const std::vector<std::string>& argv) {
  JobSpec spec;
  spec.id = JobId{7};
  spec.argv = argv;
  spec.script_name = "job.sh";
  spec.cwd = "/home/ada/work";
  spec.env = {{"PATH", "/usr/bin"}, {"SLURM_SUBMIT_DIR", "/home/ada"}};
  return spec;
}

Context batch_context() {
  Context context;
  context.job_path = "/store/jobs/j-7";
  context.env = {{"SLURM_SUBMIT_DIR", "/daemon"},
                 {"HOSTNAME", "n1"},
                 {"ENVIRONMENT", "BATCH"},
                 {"SLURMD_NODENAME", "n1"},
                 {"OTHER", "x"}};
  return context;
}

} // namespace

TEST_CASE("a batch script finds our srun first, and the place it was submitted from") {
  const JobSpec spec = batch_spec({"/bin/bash", "/store/jobs/j-7/script"});
  const auto program =
      make_program(batch_context(), spec, Policy{}, AttemptId{1}, "/tmp/t", "/store/bin/1/inside");
  CHECK(program.argv == spec.argv);
  CHECK(program.env.at("PATH") == "/store/bin/1/inside:/usr/bin");
  CHECK(program.env.at("SLURM_SUBMIT_DIR") == "/home/ada");
  CHECK(program.env.at("HOSTNAME") == "n1");
  CHECK(program.env.at("ENVIRONMENT") == "BATCH");
  CHECK_FALSE(program.env.contains("OTHER"));
  CHECK_FALSE(program.env.contains("BASH_ENV"));
}

TEST_CASE("also where a login shell makes PATH anew") {
  JobSpec spec = batch_spec({"/bin/bash", "-l", "/store/jobs/j-7/script"});
  spec.env["BASH_ENV"] = "/usr/share/lmod/init";
  auto program = make_program(batch_context(), spec, Policy{}, AttemptId{1}, "/tmp/t", "/in");
  CHECK(program.env.at("BASH_ENV") == "/in/bash_env");
  CHECK(program.env.at("CKPT_USER_BASH_ENV") == "/usr/share/lmod/init");
  spec.setup = ":";
  program = make_program(batch_context(), spec, Policy{}, AttemptId{1}, "/tmp/t", "/in");
  REQUIRE(program.argv.size() > 2);
  CHECK(program.argv[2] == ":\nPATH=/in:$PATH\nexec \"$@\"");
}

TEST_CASE("any other program gets no srun of ours, and its own folder for the daemon's") {
  JobSpec spec = batch_spec({"./a"});
  spec.script_name.clear();
  const auto program = make_program(batch_context(), spec, Policy{}, AttemptId{1}, "/tmp/t", "/in");
  CHECK(program.env.at("PATH") == "/usr/bin");
  CHECK(program.env.at("SLURM_SUBMIT_DIR") == "/home/ada/work");
}

TEST_CASE("the folder with srun is made once") {
  const test::TempDir dir;
  REQUIRE(write_file_atomically(dir.path() / "ckpt-runner", "x", 0700));
  for (int time = 0; time < 2; ++time) {
    const auto folder = make_inside_folder(dir.path() / "ckpt-runner");
    REQUIRE(folder);
    CHECK(*folder == dir.path() / "inside");
    CHECK(read_file(*folder / "srun").value_or("") == "x");
    CHECK(read_file(*folder / "bash_env").value_or("").find((*folder).string() + ":$PATH") !=
          std::string::npos);
  }
}

TEST_CASE("each task of a step knows its place") {
  Step step;
  step.env = {{"A", "1"}, {"SLURM_JOB_ID", "5"}, {"SLURM_NTASKS", "9"}};
  step.tasks = 3;
  step.id = "4";
  step.node = "n1";
  auto env = environment_of_task(step, 2);
  CHECK(env.at("SLURM_PROCID") == "2");
  CHECK(env.at("SLURM_LOCALID") == "2");
  CHECK(env.at("SLURM_NTASKS") == "3");
  CHECK(env.at("SLURM_GTIDS") == "0,1,2");
  CHECK(env.at("SLURM_STEP_ID") == "4");
  CHECK(env.at("A") == "1");
  step.call.options["export"] = "NONE";
  env = environment_of_task(step, 0);
  CHECK_FALSE(env.contains("A"));
  CHECK(env.at("SLURM_JOB_ID") == "5");
}
