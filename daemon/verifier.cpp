// Invariants: a generation is marked corrupt only if its bytes were read and are not those of its
// newest manifest, and it is still there afterwards; nothing else in the store is changed but the
// note of when it was read.
#include "daemon/verifier.hpp"

#include "core/base/log.hpp"
#include "core/base/strings.hpp"
#include "core/store/generations.hpp"
#include "core/store/verified.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace ckpt::daemon {
namespace {

constexpr Duration kSlice = milliseconds{100};

/// Keeps the reading at its rate; false: stop.
bool pace(Clock& clock,
          MonoTime began,
          std::uint64_t done,
          std::uint64_t rate,
          const std::function<bool()>& stop) {
  const auto due = began + Duration{static_cast<std::int64_t>(done * 1000 / rate)};
  while (!stop() && clock.monotonic() < due) {
    clock.sleep_for(std::min<Duration>(kSlice, due - clock.monotonic()));
  }
  return !stop();
}

void lower_priority() {
  constexpr int kLowest = 19;
  constexpr int kWhoThread = 1;
  constexpr int kIdleClass = 3 << 13;
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, thread, kLowest);
  ::syscall(SYS_ioprio_set, kWhoThread, 0, kIdleClass);
}

} // namespace

TimePoint verification_due(const VerifyCandidate& candidate, Duration every) {
  constexpr int kFirst = 7;
  return candidate.verified_at ? *candidate.verified_at + every
                               : candidate.sealed_at + every / kFirst;
}

std::optional<VerifyCandidate>
next_to_verify(const std::vector<VerifyCandidate>& candidates, TimePoint now, Duration every) {
  const auto first =
      std::min_element(candidates.begin(), candidates.end(), [&](const auto& a, const auto& b) {
        return verification_due(a, every) < verification_due(b, every);
      });
  return first != candidates.end() && verification_due(*first, every) <= now ? std::optional(*first)
                                                                             : std::nullopt;
}

VerifyRound::VerifyRound(const store::Store& store, VerifySettings settings, Clock& clock)
    : store_(store), settings_(settings), clock_(clock) {}

std::vector<VerifyCandidate> VerifyRound::candidates() const {
  std::vector<VerifyCandidate> found;
  const auto jobs = store_.list_jobs();
  for (const JobId job : jobs ? *jobs : std::vector<JobId>{}) {
    const store::Generations generations(store_.job(job).path());
    const auto all = generations.list();
    for (const store::GenerationOnDisk& one : all ? *all : std::vector<store::GenerationOnDisk>{}) {
      const auto later = not_before_.find({job, one.id});
      const bool waits = later != not_before_.end() && clock_.now() < later->second;
      if (one.manifest && one.tombstone.empty() && one.corruption.empty() && !waits) {
        found.push_back(
            {job, one.id, one.manifest->sealed_at, store::verified_at(generations.dir(one.id))});
      }
    }
  }
  return found;
}

Verified
VerifyRound::look(JobId job, GenerationId id, const std::function<bool(std::uint64_t)>& progress) {
  Verified found{.job = job, .id = id, .at = {}, .problem = {}, .error = {}};
  const store::Generations generations(store_.job(job).path());
  const auto manifest = generations.read_manifest(id);
  const auto report =
      manifest ? generations.verify(
                     *manifest, [&](std::uint64_t done, std::uint64_t) { return progress(done); })
               : tl::unexpected<Error>(manifest.error());
  Status noted;
  if (!report) {
    noted = tl::unexpected<Error>(report.error());
  } else if (report->good()) {
    found.at = clock_.now();
    noted = store::mark_verified(generations.dir(id), *found.at);
  } else if (const auto again = generations.read_manifest(id); !again) {
    noted = tl::unexpected<Error>(again.error()); // removed meanwhile
  } else {
    found.problem = join(report->problems, "; ");
    log::warning(job.str() + " " + id.str() + " is corrupt: " + found.problem);
    noted = generations.mark_corrupt(id, found.problem);
  }
  if (!noted) {
    found = Verified{.job = job, .id = id, .at = {}, .problem = {}, .error = noted.error()};
  }
  return found;
}

VerifyRound::Step VerifyRound::next(const std::function<bool()>& stop) {
  const auto due = next_to_verify(candidates(), clock_.now(), settings_.every);
  if (!due) {
    return {};
  }
  const MonoTime began = clock_.monotonic();
  Verified found = look(due->job, due->id, [&](std::uint64_t done) {
    return pace(clock_, began, done, settings_.bytes_per_second, stop);
  });
  if (found.error) {
    if (!stop()) {
      log::warning(due->job.str() + " " + due->id.str() + " not verified: " + found.error->message);
      not_before_[{due->job, due->id}] =
          clock_.now() + std::max<Duration>(settings_.every / 100, minutes{1});
    }
    return {true, std::nullopt};
  }
  return {true, std::move(found)};
}

Verifier::Verifier(const store::Store& store,
                   VerifySettings settings,
                   Clock& clock,
                   std::function<void(Verified)> found)
    : round_(store, settings, clock), settings_(settings), clock_(clock), found_(std::move(found)),
      thread_([this] { work(); }) {}

Verifier::~Verifier() {
  stopping_ = true;
  thread_.join();
}

void Verifier::ask(JobId job, GenerationId id) {
  if (!progress(job, id)) {
    const std::lock_guard lock(mutex_);
    asked_.push_back({{job, id}, 0});
  }
}

std::optional<std::uint64_t> Verifier::progress(JobId job, GenerationId id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, done] : asked_) {
    if (name == Name{job, id}) {
      return done;
    }
  }
  return std::nullopt;
}

std::optional<Error> Verifier::trouble(JobId job, GenerationId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = trouble_.find({job, id});
  return found == trouble_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Verifier::Name> Verifier::first_asked() const {
  const std::lock_guard lock(mutex_);
  return asked_.empty() ? std::nullopt : std::optional(asked_.front().first);
}

void Verifier::serve(const Name& name) {
  const Verified found = round_.look(name.first, name.second, [this](std::uint64_t done) {
    const std::lock_guard lock(mutex_);
    asked_.front().second = done;
    return !stopping_;
  });
  if (!stopping_) {
    found_(found);
  }
  const std::lock_guard lock(mutex_); // after it was told: who sees it gone sees the outcome
  asked_.erase(asked_.begin());
  trouble_.erase(name);
  if (found.error) {
    trouble_.emplace(name, *found.error);
  }
}

void Verifier::work() {
  lower_priority();
  const auto stop = [this] { return stopping_ || first_asked(); };
  const Duration pause =
      std::clamp<Duration>(settings_.every / 100, milliseconds{200}, minutes{10});
  while (!stopping_) {
    if (const auto name = first_asked()) {
      serve(*name);
      continue;
    }
    const VerifyRound::Step step = settings_.off() ? VerifyRound::Step{} : round_.next(stop);
    if (step.found) {
      found_(*step.found);
    }
    const MonoTime end = clock_.monotonic() + (step.looked ? kSlice : pause);
    while (!stop() && clock_.monotonic() < end) {
      clock_.sleep_for(kSlice);
    }
  }
}

} // namespace ckpt::daemon
