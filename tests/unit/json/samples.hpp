#pragma once

#include "core/domain/generation.hpp"

#include <random>
#include <string>

namespace ckpt::test {

/// Bytes without NUL, mostly not UTF-8.
inline std::string random_bytes(std::mt19937& random, std::size_t longest) {
  std::uniform_int_distribution<int> byte(1, 255);
  std::string bytes(std::uniform_int_distribution<std::size_t>(0, longest)(random), '\0');
  for (char& c : bytes) {
    c = static_cast<char>(byte(random));
  }
  return bytes;
}

inline TimePoint sample_time() {
  return TimePoint{} + milliseconds{1'770'000'000'250};
}

inline JobSpec sample_spec() {
  JobSpec spec;
  spec.id = JobId{7};
  spec.name = "simulate";
  spec.created_at = sample_time();
  spec.argv = {"./simulate", "input.dat", ""};
  spec.env = {{"PATH", "/usr/bin:/bin"}, {"EMPTY", ""}, {"BASH_FUNC_f%%", "() { :; }"}};
  spec.cwd = "/home/ada/run 1";
  spec.umask = 027;
  spec.setup = "source env.sh";
  spec.modules = {"gcc/12", "openmpi"};
  spec.stdout_path = "out-%j.txt";
  spec.stderr_path = "err-%j.txt";
  spec.scheduler = SchedulerKind::slurm;
  spec.sbatch_args = {"--partition=debug"};
  spec.time_limit = hours{24};
  spec.engine = EngineWish::dmtcp;
  spec.app = {"USR1", "touch save", "./simulate --continue"};
  spec.started_from = GenerationRef{JobId{3}, GenerationId{12}};
  spec.array = ArrayTask{JobId{7}, SubmissionToken{"00aa"}, "simulate", 3, 4, 1, 9, 2, 10};
  return spec;
}

inline Policy sample_policy() {
  Policy policy;
  policy.revision = 4;
  policy.every = {Interval::Kind::fixed, milliseconds{1500}};
  policy.lead = seconds{90};
  policy.keep = 3;
  policy.keep_after_success = 1;
  policy.compress = Compression::none;
  policy.max_restarts = 5;
  policy.total_time = hours{200};
  policy.stop_after = minutes{30};
  policy.at_walltime = AtWalltime::park;
  policy.stdout_on_restart = StdoutOnRestart::append;
  policy.ckpt_files = {"*.h5", "state\xff.bin"};
  policy.append_files = {"log.txt"};
  policy.local_files = LocalFiles::warn;
  policy.shield_term = ShieldTerm::on;
  policy.tags = {{"project", "ocean"}, {"owner", "ada"}};
  return policy;
}

inline Manifest sample_manifest() {
  const std::string hash = "00112233445566778899aabbccddeeff";
  Manifest manifest;
  manifest.job = JobId{7};
  manifest.id = GenerationId{3};
  manifest.revision = 2;
  manifest.attempt = AttemptId{2};
  manifest.parent = GenerationId{1};
  manifest.trigger = Trigger::before_walltime;
  manifest.engine = {EngineKind::dmtcp, "4.2.0"};
  manifest.host = {"n1", {"avx2", "sse4_2"}, "6.1.0", "2.36"};
  manifest.frozen_at = sample_time();
  manifest.sealed_at = sample_time() + milliseconds{1201};
  manifest.blocked = milliseconds{351};
  manifest.run_before = hours{3};
  manifest.images = {{"attempts/2/images/a.dmtcp", 4096, hash, StoredForm::raw, 4096},
                     {"attempts/2/images/b\xfe.dmtcp", 8192, hash, StoredForm::zstd, 77}};
  manifest.lengths = {{"/home/ada/slurm-1.out", 120}};
  manifest.folders = {"/tmp/ckpt-1000-j-7-42"};
  manifest.deleted = {"/home/user/job.sh"};
  manifest.written = {"/home/ada/table.csv"};
  manifest.restart_in = "/scratch/ada";
  manifest.append_files = {"log/*.txt"};
  manifest.saved = {
      {"/home/ada/state.h5", {"generations/g3/saved/0001", 5, hash, StoredForm::raw, 5}, 0640}};
  return manifest;
}

} // namespace ckpt::test
