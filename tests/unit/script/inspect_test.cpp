#include "core/script/inspect.hpp"
#include "core/script/srun_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace ckpt;
using namespace ckpt::script;

namespace {

std::vector<Finding> findings_of(const std::string& text) {
  const auto read = read_directives(text, "job.sh");
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  return inspect({text, "job.sh", read->options, read->het_lines, read->pbs_lines});
}

/// "job.sh:2" of the only refusal; "-" if there is none.
std::string refused_at(const std::string& lines) {
  std::string where = "-";
  for (const Finding& finding : findings_of("#!/bin/bash\n" + lines)) {
    CHECK_FALSE(finding.message.empty());
    if (finding.refuses) {
      CHECK(where == "-");
      where = finding.where;
    }
  }
  return where;
}

bool told_at(const std::string& lines, const std::string& where) {
  const auto found = findings_of("#!/bin/bash\n" + lines);
  return std::any_of(found.begin(), found.end(), [&](const Finding& finding) {
    return !finding.refuses && finding.where == where;
  });
}

std::string text_of(const std::string& name) {
  std::ifstream file(std::string(CKPT_TEST_DATA) + "/scripts/" + name);
  std::stringstream text;
  text << file.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

} // namespace

TEST_CASE("what cannot work is refused, naming the line") {
  CHECK(refused_at("#SBATCH -N 2\n./a\n") == "job.sh:2");
  CHECK(refused_at("#SBATCH --nodes=1-4\n./a\n") == "job.sh:2");
  CHECK(refused_at("#SBATCH -N 10\n./a\n") == "job.sh:2");
  CHECK(refused_at("#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -n 2\n./a\n") == "job.sh:3");
  CHECK(refused_at("\nsrun --mpi=pmix ./a\n") == "job.sh:3");
  CHECK(refused_at("srun --pty bash\n") == "job.sh:2");
  CHECK(refused_at("srun --het-group=0 ./a\n") == "job.sh:2");
  CHECK(refused_at("srun -N2 ./a\n") == "job.sh:2");
  CHECK(refused_at("srun -n1 ./a : -n1 ./b\n") ==
        "-"); // the program's own arguments, for all we know
  CHECK(refused_at("srun --jobid=7 ./a\n") == "job.sh:2");
  CHECK(refused_at("srun --nonsense ./a\n") == "job.sh:2");
  CHECK(refused_at("/usr/bin/srun ./a\n") == "job.sh:2");
  CHECK(refused_at("trap 'x' USR1\nscontrol requeue $SLURM_JOB_ID\n") == "job.sh:3");
  CHECK(refused_at("dmtcp_restart ckpt_*.dmtcp\n") == "job.sh:2");
  CHECK(refused_at("./dmtcp_restart_script.sh -h $h\n") == "job.sh:2");
}

TEST_CASE("what works is not refused") {
  for (const char* lines : {"#SBATCH -N 1 -n 4\nsrun ./a\n",
                            "srun -n 4 --mpi=none -l --cpu-bind=cores ./a --mpi=pmix\n",
                            "srun $OPTIONS ./a -N 4\n",
                            "srun -n $SLURM_NTASKS ./a &\nwait\n",
                            "srun -N $SLURM_NNODES ./a\n",
                            "srun --ntasks=\"$N\" ./a\n",
                            "echo dmtcp_launch\n# srun --pty bash\ncat <<E\nsrun -N 2\nE\n",
                            "scontrol show hostnames $SLURM_JOB_NODELIST\n"}) {
    CHECK_MESSAGE(refused_at(lines) == "-", lines);
  }
  // The body of a program in another language is not the shell's.
  CHECK(findings_of("#!/usr/bin/env python3\nsrun --pty\n").empty());
}

TEST_CASE("what behaves differently is told, and submitted all the same") {
  CHECK(told_at("#SBATCH --no-requeue\n./a\n", "job.sh:2"));
  CHECK(told_at("#SBATCH --open-mode=append\n./a\n", "job.sh:2"));
  CHECK(told_at("#PBS -N x\n./a\n", "job.sh:2"));
  CHECK(told_at("if [ -z \"$SLURM_RESTART_COUNT\" ]; then ./a; else ./a -r; fi\n", "job.sh:2"));
  CHECK(told_at("module load gcc slurm/22\n", "job.sh:2"));
  CHECK(told_at("mpirun -n 4 ./a\n", "job.sh:2"));
  CHECK(told_at("./a\nsbatch next.sh\n", "job.sh:3"));
}

TEST_CASE("a script that runs DMTCP itself gets the command that does it") {
  const auto found =
      findings_of("#!/bin/bash\n#SBATCH -t 24:00:00\n#SBATCH -J 'my job' -n 1\n"
                  "dmtcp_coordinator --daemon -p 0\n"
                  "dmtcp_launch -h $host -p $port -i 3600 --ckptdir=x ./sim \"in put\" -v\n");
  REQUIRE(found.size() == 2);
  CHECK(found[0].where == "job.sh:4");
  CHECK(found[1].where == "job.sh:5");
  CHECK(found[1].translated ==
        "ckpt submit -t 24:00:00 -J 'my job' -n 1 --every 3600s -- ./sim \"in put\" -v");
}

TEST_CASE("scripts as people have them") {
  for (const char* name : {"conda.sh", "farm.sh", "heredoc.sh", "modules.sh", "traps.sh"}) {
    for (const Finding& finding : findings_of(text_of(name))) {
      CHECK_MESSAGE(!finding.refuses, name << ": " << finding.where << ": " << finding.message);
    }
  }
  const auto count = [](const char* name) {
    const auto found = findings_of(text_of(name));
    return std::count_if(
        found.begin(), found.end(), [](const Finding& finding) { return finding.refuses; });
  };
  CHECK(count("mpi.sh") == 2);
  CHECK(count("dmtcp.sh") == 3);
}

TEST_CASE("srun's command line") {
  const auto call = parse_srun({"-ln4", "-c", "2", "--output=o-%t", "--cpu", "x"});
  CHECK_FALSE(call); // --cpu may be several
  const auto good = parse_srun({"-ln4", "-c", "2", "--output=o-%t", "-K", "./a", "-n", "9"});
  REQUIRE(good);
  CHECK(good->value("ntasks") == "4");
  CHECK(good->value("label"));
  CHECK(good->value("kill-on-bad-exit") == "");
  CHECK(good->command == 5);
  CHECK(*tasks_of(*good, {}) == 4);
  const auto bare = parse_srun({"./a"});
  CHECK(*tasks_of(*bare, {{"SLURM_NTASKS", "3"}}) == 3);
  CHECK(*tasks_of(*bare, {}) == 1);
  CHECK(tasks_of(*bare, {{"SLURM_JOB_NUM_NODES", "2"}}).error().code == "srun_refused");
  CHECK(parse_srun({"-n"}).error().code == "srun_usage");
  CHECK(parse_srun({"--mpi=none", "--pty", "x"}).error().code == "srun_refused");
  CHECK(parse_srun({"--", "-n"})->command == 1);
}
