#include "runner/start_point.hpp"
#include "runner/store_patience.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace ckpt;
using namespace ckpt::runner;

namespace {

/// Fails with `error_number` until `until`, and counts.
struct Work {
  test::FakeClock& clock;
  int error_number;
  MonoTime until;
  int calls = 0;
  Result<int> operator()() {
    ++calls;
    if (clock.monotonic() < until) {
      return tl::unexpected<Error>(errno_error(error_number, "cannot write", "/store/x"));
    }
    return 7;
  }
};

struct Patient {
  test::FakeClock clock;
  bool given_up = false;
  std::vector<std::string> told;
  StorePatience how{clock,
                    minutes{2},
                    [this] { return given_up; },
                    [this](const Error& error) { told.push_back(error.message); }};
  Result<int> wait(Work& work) {
    return with_patience(how, [&] { return work(); });
  }
};

} // namespace

TEST_CASE("what the storage says is waited for, and told once") {
  for (const int error_number : {ENOSPC, EDQUOT, EIO, ESTALE, EROFS}) {
    CAPTURE(error_number);
    Patient patient;
    Work work{patient.clock, error_number, patient.clock.monotonic() + seconds{90}};
    const auto done = patient.wait(work);
    REQUIRE(done);
    CHECK(*done == 7);
    CHECK(patient.told.size() == 1);
    CHECK(work.calls > 5);
    CHECK(work.calls < 60);
  }
}

TEST_CASE("not for ever: then it is told what to do") {
  Patient patient;
  const MonoTime began = patient.clock.monotonic();
  Work work{patient.clock, ENOSPC, began + hours{1}};
  const auto done = patient.wait(work);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == "store_unusable");
  CHECK(done.error().outcome == Outcome::retryable);
  CHECK(done.error().message.find("free space") != std::string::npos);
  CHECK(done.error().message.find("No space left") != std::string::npos);
  CHECK(patient.clock.monotonic() - began >= minutes{2});
  CHECK(patient.clock.monotonic() - began < minutes{2} + seconds{10});
}

TEST_CASE("anything else is not tried again") {
  Patient patient;
  int calls = 0;
  const auto done = with_patience(patient.how, [&]() -> Status {
    ++calls;
    return fail(ErrorClass::failed, "generation_corrupt", "g1 is corrupt");
  });
  CHECK(done.error().code == "generation_corrupt");
  CHECK(calls == 1);
  CHECK(patient.told.empty());
}

TEST_CASE("whoever wants it ended need not wait") {
  Patient patient;
  patient.given_up = true;
  Work work{patient.clock, EIO, patient.clock.monotonic() + hours{1}};
  const auto done = patient.wait(work);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == "interrupted");
  CHECK(work.calls == 1);
}

TEST_CASE("an earlier journal that cannot be read now is not one that has nothing to tell") {
  test::TempDir dir;
  JobSpec spec;
  spec.id = JobId{1};
  spec.argv = {"/bin/true"};
  spec.cwd = "/";
  const auto folder = store::Store::open(dir.path())->create_job(spec, Policy{});
  REQUIRE(folder);
  REQUIRE(make_directories(folder->attempt(AttemptId{1}).path()));
  CHECK(read_earlier_attempts(*folder, AttemptId{2}).has_value());
  // A folder in its place: read(2) fails, whoever asks.
  REQUIRE(make_directories(folder->attempt(AttemptId{1}).journal()));
  const auto read = read_earlier_attempts(*folder, AttemptId{2});
  REQUIRE_FALSE(read);
  CHECK(is_storage_trouble(read.error()));
}
