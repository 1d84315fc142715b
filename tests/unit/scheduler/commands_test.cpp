#include "core/base/strings.hpp"
#include "core/scheduler/slurm/commands.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::scheduler;
using namespace ckpt::scheduler::slurm;

namespace {

Submission submission(std::vector<std::string> args = {}) {
  Submission wish;
  wish.token = {"00112233445566778899aabbccddeeff"};
  wish.name = "heat";
  wish.script = "/store/jobs/j-1/batch.sh";
  wish.cwd = "/home/user/run";
  wish.output_path = "/store/100%/runner.log";
  wish.args = std::move(args);
  return wish;
}

std::string line(const Submission& wish) {
  const auto words = sbatch_command(wish);
  REQUIRE(words);
  return join(*words, " ");
}

} // namespace

TEST_CASE("sbatch gets the user's options first and ours last") {
  Submission wish = submission({"--partition=debug", "-c", "4"});
  wish.time_limit = minutes{90};
  wish.warn_before = seconds{150};
  wish.exclude_nodes = {"n3"};
  CHECK(
      line(wish) ==
      "sbatch --parsable --partition=debug -c 4 --exclude=n3 --time=0-01:30:00 --signal=B:URG@150 "
      "--requeue --open-mode=append --output=/store/100%%/runner.log "
      "--error=/store/100%%/runner.log --job-name=heat --chdir=/home/user/run "
      "--comment=ckpt:00112233445566778899aabbccddeeff /store/jobs/j-1/batch.sh");
}

TEST_CASE("options of the user's that would break ours are merged, replaced or taken out") {
  Submission wish = submission({"--no-requeue",
                                "--open-mode=truncate",
                                "-o",
                                "out-%j",
                                "-Jmine",
                                "--signal=USR1@60",
                                "-t",
                                "5",
                                "-WQ",
                                "--parsable",
                                "-x",
                                "n[1-2]",
                                "--comment=hello world",
                                "-D/elsewhere",
                                "-e",
                                "err"});
  wish.time_limit = hours{24};
  wish.warn_before = seconds{60};
  wish.exclude_nodes = {"n7"};
  const auto words = sbatch_command(wish);
  REQUIRE(words);
  const std::string all = join(*words, " ");
  for (const char* gone : {"--no-requeue",
                           "truncate",
                           "out-%j",
                           "mine",
                           "USR1",
                           "-t",
                           "-W",
                           "-Q",
                           "/elsewhere",
                           "-e"}) {
    CAPTURE(gone);
    CHECK(std::none_of(words->begin(), words->end(), [&](const std::string& word) {
      return word == gone || (std::string(gone).size() > 2 && word.find(gone) != std::string::npos);
    }));
  }
  CHECK(all.find("--exclude=n[1-2],n7 ") != std::string::npos);
  CHECK(all.find("--comment=hello world ckpt:0011") != std::string::npos);
  CHECK(std::count(words->begin(), words->end(), "--parsable") == 1);
}

TEST_CASE("without an early warning of ours the user's signal and limit stay") {
  const std::string all = line(submission({"--signal=B:USR1@60", "-t5"}));
  CHECK(all.find("--signal=B:USR1@60 -t5") != std::string::npos);
  CHECK(all.find("URG") == std::string::npos);
}

TEST_CASE("what one job cannot be is refused before sbatch is asked") {
  const std::vector<std::vector<std::string>> refused{
      {"--array=1-3"}, {"-a1"}, {"-M", "other"}, {"-n1", ":", "-n2"}, {"--test-only"}};
  for (const auto& args : refused) {
    CAPTURE(join(args, " "));
    const auto words = sbatch_command(submission(args));
    REQUIRE_FALSE(words);
    CHECK(words.error().code == "option_not_supported");
    CHECK(words.error().cls == ErrorClass::usage);
  }
}

TEST_CASE("mails are for the job: sbatch is asked for none") {
  const std::string all = line(submission({"--mail-type=END,FAIL", "--mail-user=ada", "-c2"}));
  CHECK(all.find("-c2 --mail-type=NONE ") != std::string::npos);
  CHECK(all.find("FAIL") == std::string::npos);
  CHECK(all.find("ada") == std::string::npos);
  CHECK(line(submission()).find("mail") == std::string::npos);
}

TEST_CASE("an early warning longer than sbatch takes is shortened") {
  Submission wish = submission();
  wish.warn_before = hours{48};
  CHECK(line(wish).find("--signal=B:URG@65535 ") != std::string::npos);
  wish.warn_before = milliseconds{1500};
  CHECK(line(wish).find("--signal=B:URG@2 ") != std::string::npos);
}

TEST_CASE("an output path is taken as it is, percent signs and backslashes too") {
  CHECK(literal_path("/a/b") == "/a/b");
  CHECK(literal_path("/a/%j") == "/a/%%j");
  CHECK(literal_path("/a\\b/%j") == "/a\\\\b/%j");
}

TEST_CASE("sbatch does not see the variables of the job that it is called from") {
  const Environment env = sbatch_environment({{"SLURM_JOB_ID", "7"},
                                              {"SLURM_RESTART_COUNT", "3"},
                                              {"SLURM_CPUS_PER_TASK", "4"},
                                              {"SLURMD_NODENAME", "n1"},
                                              {"SLURM_CONF", "/their/slurm.conf"},
                                              {"SLURM_JWT", "x"},
                                              {"SBATCH_WAIT", "1"},
                                              {"SBATCH_ARRAY_INX", "1-3"},
                                              {"SBATCH_MEM_BIND_TYPE", "none"},
                                              {"SBATCH_PARTITION", "debug"},
                                              {"PATH", "/their/bin"},
                                              {"HOME", "/home/user"}},
                                             {{"PATH", "/opt/slurm/bin"}, {"SLURM_CONF", "/conf"}});
  CHECK(env == Environment{{"SLURM_CONF", "/conf"},
                           {"SLURM_JWT", "x"},
                           {"SBATCH_PARTITION", "debug"},
                           {"PATH", "/their/bin"},
                           {"HOME", "/home/user"}});
}

TEST_CASE("queries do not see what would change their output") {
  const Environment env = query_environment({{"SQUEUE_FORMAT", "%i"},
                                             {"SQUEUE_STATES", "R"},
                                             {"SLURM_CLUSTERS", "b"},
                                             {"SLURM_CONF", "/conf"},
                                             {"SLURM_TIME_FORMAT", "relative"},
                                             {"SCANCEL_FULL", "1"},
                                             {"PATH", "/bin"}});
  CHECK(env == Environment{{"PATH", "/bin"},
                           {"SLURM_BITSTR_LEN", "0"},
                           {"SLURM_CONF", "/conf"},
                           {"SLURM_TIME_FORMAT", "%s"},
                           {"TZ", "UTC"}});
}

TEST_CASE("one squeue for all jobs, the user's own or the named ones") {
  const auto all = squeue_command("|x|", {});
  CHECK(all.back() == "--me");
  CHECK(all[7].starts_with("JobArrayID:|x|,State:|x|,"));
  CHECK(squeue_command("|x|", {{"7"}, {"24_1"}}).back() == "--jobs=7,24_1");
}

TEST_CASE("a requeued job starts soon, but not in the second of its requeue") {
  CHECK(join(start_now_command({"7"}), " ") == "scontrol update jobid=7 StartTime=now+2");
}

TEST_CASE("durations are written so that Slurm cannot take them for something else") {
  CHECK(slurm_duration(seconds{60}) == "0-00:01:00");
  CHECK(slurm_duration(hours{200}) == "8-08:00:00");
  CHECK(slurm_duration(milliseconds{1}) == "0-00:00:01");
}
