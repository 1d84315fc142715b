#include "core/store/job_folder.hpp"
#include "tests/unit/store/support.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

mode_t mode_of(const Path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

} // namespace

TEST_CASE("store: jobs are made once and found again") {
  const TempDir dir;
  const auto root = need(Store::open(dir.path() / "a/b"));
  Policy policy;
  policy.keep = 5;
  const auto job = need(root.create_job(sample_spec(JobId{3}), policy));
  CHECK(code_of(root.create_job(sample_spec(JobId{3}), policy)) == "file_exists");
  need(root.create_job(sample_spec(JobId{11}), Policy{}));
  CHECK(need(job.read_spec()) == sample_spec(JobId{3}));
  CHECK(need(job.read_policy()) == policy);
  std::filesystem::create_directory(root.root() / "jobs/j-5"); // a creation that was interrupted
  std::filesystem::create_directory(root.root() / "jobs/j-007");
  put(root.root() / "jobs/notes.txt", "x");
  CHECK(need(root.list_jobs()) == std::vector{JobId{3}, JobId{11}});
  CHECK(code_of(root.create_job(sample_spec(JobId{5}), policy)) == "file_exists");
  CHECK_FALSE(root.has_job(JobId{5}));
  need(root.remove_job(JobId{3}));
  need(root.remove_job(JobId{3}));
  CHECK_FALSE(there(job.path()));
  CHECK(need(root.list_jobs()) == std::vector{JobId{11}});
}

TEST_CASE("store: a job keeps its batch script, byte for byte") {
  const TempDir dir;
  const auto root = need(Store::open(dir.path()));
  const std::string text = "#!/bin/sh\n# \xff\necho hello\n";
  const auto job = need(root.create_job(sample_spec(JobId{1}), Policy{}, text));
  CHECK(slurp(job.script()) == text);
  CHECK(mode_of(job.script()) == 0500);
  CHECK_FALSE(there(need(root.create_job(sample_spec(JobId{2}), Policy{})).script()));
  need(root.remove_job(JobId{1}));
  CHECK_FALSE(there(job.path()));
}

TEST_CASE("store: nobody else reads what is in it, whatever the umask") {
  const TempDir dir;
  const mode_t before = ::umask(0);
  const auto root = need(Store::open(dir.path() / "store"));
  const auto job = need(root.create_job(sample_spec(JobId{1}), Policy{}));
  need(job.claim(sample_claim("t")));
  const Path script = need(job.prepare_submission(SubmissionToken{"t"}, "#!/bin/sh\n"));
  ::umask(before);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root.root())) {
    const mode_t wanted = entry.is_directory() || entry.path() == script ? 0700 : 0600;
    CHECK_MESSAGE(mode_of(entry.path()) == wanted, entry.path().string());
  }
  CHECK(slurp(script) == "#!/bin/sh\n");
}

TEST_CASE("store: its path is made real once") {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() / "real");
  std::filesystem::create_directory_symlink(dir.path() / "real", dir.path() / "link");
  CHECK(need(Store::open(dir.path() / "link/store")).root() ==
        std::filesystem::canonical(dir.path() / "real") / "store");
}

TEST_CASE("store: damaged files are told by name") {
  const TempDir dir;
  const auto job = need(need(Store::open(dir.path())).create_job(sample_spec(JobId{1}), Policy{}));
  put(job.path() / "policy.json", "{\"keep\": 0}");
  const auto policy = job.read_policy();
  CHECK(code_of(policy) == "damaged_file");
  CHECK(policy.error().cls == ErrorClass::failed);
  CHECK(policy.error().message.find("policy.json") != std::string::npos);
  CHECK(policy.error().message.find("policy.keep") != std::string::npos);
  put(job.path() / "spec.json", "{");
  CHECK(code_of(job.read_spec()) == "damaged_file");
}

TEST_CASE("store: the runner is copied once; another build of the same version lies beside it") {
  const TempDir dir;
  const auto root = need(Store::open(dir.path() / "store"));
  const Path build = dir.path() / "ckpt-runner";
  put(build, "one");
  const Path first = need(root.install_runner(build, "0.1.0"));
  CHECK(first == root.root() / "bin/0.1.0/ckpt-runner");
  CHECK(mode_of(first) == 0700);
  CHECK(need(root.install_runner(build, "0.1.0")) == first);
  put(build, "two");
  const Path second = need(root.install_runner(build, "0.1.0"));
  CHECK(second != first);
  CHECK(slurp(first) == "one");
  CHECK(slurp(second) == "two");
  CHECK(need(root.install_runner(build, "0.1.0")) == second);
}

TEST_CASE("job folder: output is fixed once") {
  const TempDir dir;
  const auto job = need(need(Store::open(dir.path())).create_job(sample_spec(JobId{1}), Policy{}));
  CHECK_FALSE(job.output("stdout"));
  CHECK(need(job.fix_output("stdout", "/home/ada/slurm-1.out")) == "/home/ada/slurm-1.out");
  CHECK(need(job.fix_output("stdout", "/home/ada/slurm-2.out")) == "/home/ada/slurm-1.out");
  CHECK(job.output("stdout") == Path("/home/ada/slurm-1.out"));
  CHECK(code_of(job.fix_output("spec.json", "/x")) == "invalid_output");
  CHECK(code_of(job.fix_output("stderr", "x")) == "invalid_output");
}

TEST_CASE("job folder: what a restart asked for is kept, and absent before the first") {
  const TempDir dir;
  const auto root = need(Store::open(dir.path()));
  const auto job = need(root.create_job(sample_spec(JobId{1}), Policy{}));
  CHECK(need(job.read_restart_options()) == RestartOptions{});
  const RestartOptions wish{{"-p", "h\xff"}, std::chrono::hours{2}, "/opt/d:/opt/\xfe"};
  need(job.write_restart_options(wish));
  CHECK(need(job.read_restart_options()) == wish);
}

TEST_CASE("lease: absent, then what was written last") {
  const TempDir dir;
  const auto job = need(need(Store::open(dir.path())).create_job(sample_spec(JobId{1}), Policy{}));
  need(job.claim(sample_claim("t")));
  const AttemptFolder attempt = job.attempt(AttemptId{1});
  CHECK(code_of(attempt.read_lease()) == "no_such_file");
  Lease lease{1, "boot", 42, sample_time()};
  need(attempt.renew_lease(lease));
  CHECK(need(attempt.read_lease()) == lease);
  ++lease.renewals;
  need(attempt.renew_lease(lease));
  CHECK(need(attempt.read_lease()) == lease);
}

TEST_CASE("orders: consecutive numbers, read one by one") {
  const TempDir dir;
  const auto job = need(need(Store::open(dir.path())).create_job(sample_spec(JobId{1}), Policy{}));
  const AttemptFolder attempt = job.attempt(AttemptId{1}); // ordered before the runner is there
  CHECK_FALSE(need(attempt.read_order(1)).has_value());
  Order order;
  order.epoch = 3;
  order.expires_at = sample_time();
  for (const OrderKind kind : Words<OrderKind>::kAll) {
    order.kind = kind;
    order.generation =
        kind == OrderKind::checkpoint ? std::optional(GenerationId{2}) : std::nullopt;
    order.reason = kind == OrderKind::stop ? "asked" : "";
    const Order given = need(attempt.give_order(order));
    CHECK(need(attempt.read_order(given.number)) == given);
    CHECK_FALSE(need(attempt.read_order(given.number + 1)).has_value());
    order.number = given.number;
    CHECK(given == order);
  }
  CHECK(order.number == static_cast<std::int64_t>(Words<OrderKind>::kAll.size()));
  put(attempt.path() / "orders/7.json", slurp(attempt.path() / "orders/1.json"));
  CHECK(code_of(attempt.read_order(7)) == "damaged_file");
}
