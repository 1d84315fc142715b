#include "runner/context.hpp"
#include "runner/program.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::runner;

TEST_CASE("output paths are expanded as sbatch does") {
  const OutputNames names{"4711", "sim", "ada", "n1", "/home/ada"};
  CHECK(expand_output_path("slurm-%j.out", names) == "/home/ada/slurm-4711.out");
  CHECK(expand_output_path("/x/%x-%8j.%N", names) == "/x/sim-00004711.n1");
  CHECK(expand_output_path("out/%u%%", names) == "/home/ada/out/ada%");
  CHECK(expand_output_path("%q-%", names) == "/home/ada/%q-%");
  CHECK(expand_output_path("../log", names) == "/home/log");
  CHECK(expand_output_path("%A-%a", names) == "/home/ada/4711-%a"); // of no array
  const OutputNames task{"29", "sim", "ada", "n1", "/home/ada", "24", "7"};
  CHECK(expand_output_path("slurm-%A_%a.out", task) == "/home/ada/slurm-24_7.out");
  CHECK(expand_output_path("%3a.%j", task) == "/home/ada/007.29");
}

TEST_CASE("the context is read from arguments and environment") {
  const std::vector<std::string> in_slurm{"--job", "/s/jobs/j-1", "--token", "abc"};
  const auto slurm = read_context(in_slurm, {{"SLURM_JOB_ID", "12"}, {"SLURM_RESTART_COUNT", "3"}});
  REQUIRE(slurm);
  CHECK(slurm->scheduler == SchedulerKind::slurm);
  CHECK(slurm->scheduler_job_id.value == "12");
  CHECK(slurm->restart_count == 3);
  CHECK(slurm->lease == seconds{60});
  // A local attempt started from inside a Slurm job is still local.
  const std::vector<std::string> here{"--job", "/s/jobs/j-1", "--token", "abc"};
  const auto local = read_context(here,
                                  {{"SLURM_JOB_ID", "12"},
                                   {"CKPT_LOCAL_JOB_ID", "local-2"},
                                   {"CKPT_LOCAL_STATE", "/state"},
                                   {"CKPT_LEASE", "5s"}});
  REQUIRE(local);
  CHECK(local->scheduler_job_id.value == "local-2");
  CHECK(local->restart_count == 0);
  CHECK(local->lease == seconds{5});
  CHECK(read_context(here, {{"PATH", "/bin"}}).error().code == "bad_arguments");
  CHECK(read_context({"--job", "relative", "--token", "x"}, {{"SLURM_JOB_ID", "1"}}).error().code ==
        "bad_arguments");
  CHECK_FALSE(read_context(in_slurm, {{"SLURM_JOB_ID", "1"}, {"CKPT_LEASE", "60"}}));
}

TEST_CASE("the program gets the user's environment, today's allocation, and nothing else of ours") {
  Context context;
  context.job_path = "/store/jobs/j-7";
  context.env = {{"SLURM_JOB_ID", "12"}, {"HOME", "/runner"}, {"CKPT_LEASE", "5s"}};
  JobSpec spec;
  spec.id = JobId{7};
  spec.argv = {"./a", "b c"};
  spec.env = {{"HOME", "/home/ada"}, {"SLURM_JOB_ID", "of the submit shell"}};
  const auto program = make_program(context, spec, Policy{}, AttemptId{2}, "/tmp/t");
  CHECK(program.argv == spec.argv);
  CHECK(program.env.at("HOME") == "/home/ada");
  CHECK(program.env.at("SLURM_JOB_ID") == "12");
  CHECK(program.env.at("TMPDIR") == "/tmp/t");
  CHECK(program.env.at("CKPT_JOB") == "j-7");
  CHECK(program.env.at("CKPT_RUN") == "/store/jobs/j-7#2");
  CHECK_FALSE(program.env.contains("CKPT_LEASE"));
}

TEST_CASE("globs name regular files, relative ones below the working directory") {
  const test::TempDir dir;
  REQUIRE(write_file_atomically(dir.path() / "a.log", ""));
  REQUIRE(write_file_atomically(dir.path() / "b.log", ""));
  REQUIRE(make_directories(dir.path() / "c.log"));
  CHECK(expand_globs({"*.log"}, dir.path().string()).size() == 2);
  CHECK(expand_globs({(dir.path() / "a*").string(), "none*"}, "/").size() == 1);
}
