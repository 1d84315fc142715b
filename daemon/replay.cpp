#include "daemon/replay.hpp"

#include <algorithm>
#include <optional>

// Invariants: the lines of one file keep their order. Across files the time of day decides, which
// hosts may see differently, so that what rests on causes does not rest on it: a claim comes after
// its submission, an attempt's lines after its claim, and a restart by a person, or the loss of an
// attempt, after the claims that it speaks of.

namespace ckpt::daemon {
namespace {

using store::JobEventKind;

class Replay {
public:
  Replay(JobModel& model, Change& change) : model_(model), change_(change) {}

  Status read(const store::JobFolder& folder) {
    auto events = store::read_job_events(folder.job_journal());
    if (!events) {
      return tl::unexpected(events.error());
    }
    note_damage(events->damaged, folder.job_journal());
    job_events_ = std::move(events->events);
    for (AttemptId n{1};; ++n.value) {
      auto claim = folder.read_claim(n);
      if (!claim) {
        damaged.push_back(claim.error().message);
      }
      if (!claim || !*claim) {
        break;
      }
      claims.push_back(**std::move(claim));
      const Path file = folder.attempt(n).journal();
      auto journal = store::read_attempt_events(file);
      if (!journal) {
        damaged.push_back(journal.error().message);
      } else {
        note_damage(journal->damaged, file);
      }
      journals_.push_back(
          {journal ? std::move(*journal) : store::EventBatch<store::AttemptEvent>{}, 0});
    }
    return {};
  }

  void run() {
    while (step()) {
    }
    for (std::size_t i = 0; i < journals_.size(); ++i) {
      model_.attempt(claims[i].attempt)->position = journals_[i].batch.position;
    }
  }

  std::vector<store::Claim> claims;
  std::vector<std::string> damaged;

private:
  struct Journal {
    store::EventBatch<store::AttemptEvent> batch;
    std::size_t next = 0;
    bool over() const { return next == batch.events.size(); }
  };

  void note_damage(bool is_damaged, const Path& file) {
    if (is_damaged) {
      damaged.push_back(file.string() + " cannot be read to its end");
    }
  }

  /// At the same instant: the daemon's line, then claims, then the runners' lines.
  bool step() {
    enum class Next { none, job, claim, attempt } next = Next::none;
    std::optional<TimePoint> earliest;
    std::size_t which = 0;
    const auto offer = [&](Next kind, TimePoint at, std::size_t index = 0) {
      if (!earliest || at < *earliest) {
        next = kind;
        earliest = at;
        which = index;
      }
    };
    const bool jobs_left = next_event_ < job_events_.size();
    if (jobs_left && !waits_for_claims(job_events_[next_event_])) {
      offer(Next::job, job_events_[next_event_].at);
    }
    if (next_claim_ < claims.size() && (!jobs_left || claim_can_be())) {
      offer(Next::claim, claims[next_claim_].at);
    }
    for (std::size_t i = 0; i < next_claim_; ++i) {
      if (!journals_[i].over()) {
        offer(Next::attempt, journals_[i].batch.events[journals_[i].next].at, i);
      }
    }
    switch (next) {
    case Next::none:
      return false;
    case Next::job:
      apply_job_event(job_events_[next_event_++]);
      return true;
    case Next::claim:
      apply(model_, claims[next_claim_++], change_);
      return true;
    case Next::attempt: {
      Journal& journal = journals_[which];
      apply(model_, claims[which].attempt, journal.batch.events[journal.next++], change_);
      return true;
    }
    }
    return false;
  }

  /// Its submission has been written down.
  bool claim_can_be() const {
    const SubmissionToken& token = claims[next_claim_].token;
    return std::any_of(model_.submissions.begin(),
                       model_.submissions.end(),
                       [&](const SubmissionRow& row) { return row.token == token; });
  }

  bool waits_for_claims(const store::JobEvent& event) const {
    const bool speaks_of_them =
        event.kind == JobEventKind::restart_requested || event.kind == JobEventKind::attempt_lost;
    return speaks_of_them && next_claim_ < claims.size() && claim_can_be();
  }

  void apply_job_event(const store::JobEvent& event) {
    apply(model_, event, change_);
    model_.job.position.next_number = event.number + 1;
    if (event.kind == JobEventKind::submit_intent) {
      // What we do not know to be untried may have been tried.
      model_.open_submission()->state = SubmissionState::asked;
    }
  }

  JobModel& model_;
  Change& change_;
  std::vector<store::JobEvent> job_events_;
  std::size_t next_event_ = 0;
  std::size_t next_claim_ = 0;
  std::vector<Journal> journals_; ///< by claim
};

} // namespace

Result<Replayed> replay(JobModel& model, const store::JobFolder& folder, Change& change) {
  Replay history(model, change);
  if (const Status read = history.read(folder); !read) {
    return tl::unexpected(read.error());
  }
  history.run();
  return Replayed{std::move(history.claims), std::move(history.damaged)};
}

} // namespace ckpt::daemon
