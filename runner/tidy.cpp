#include "runner/tidy.hpp"

#include "core/base/log.hpp"
#include "core/store/origin.hpp"
#include "core/store/pins.hpp"

#include <algorithm>

namespace ckpt::runner {

using Kind = store::AttemptEventKind;

namespace {

constexpr int kCompressionLevel = 1; // of zstd: as fast as the disk, and already most of the gain

bool is_good(const store::GenerationOnDisk& generation) {
  return generation.manifest && generation.tombstone.empty() && generation.corruption.empty();
}

} // namespace

Tidy::Tidy(store::JobFolder folder) : folder_(std::move(folder)), generations_(folder_.path()) {}

std::vector<store::AttemptEvent> Tidy::prune(const Policy& policy,
                                             JobPhase phase,
                                             const std::vector<EarlierAttempt>& attempts) const {
  const auto on_disk = generations_.list();
  const auto pins = store::pinned_generations(folder_);
  if (!on_disk || !pins) {
    return {};
  }
  std::vector<Manifest> sealed;
  for (const store::GenerationOnDisk& generation : *on_disk) {
    if (!generation.tombstone.empty() && generations_.removal_unfinished(generation.id)) {
      std::ignore = generations_.remove(generation.id, {}); // somebody may have died over it
    }
    if (is_good(generation)) {
      sealed.push_back(*generation.manifest);
    }
  }
  const std::vector<GenerationId> lineage = start_order(sealed, attempts, std::nullopt);
  std::vector<GenerationFacts> facts;
  for (const store::GenerationOnDisk& generation : *on_disk) {
    if (generation.manifest && generation.tombstone.empty()) {
      GenerationFacts fact;
      fact.id = generation.id;
      fact.state = is_good(generation) ? GenerationState::sealed : GenerationState::corrupt;
      fact.pinned = pins->contains(generation.id);
      fact.on_lineage = std::find(lineage.begin(), lineage.end(), generation.id) != lineage.end();
      facts.push_back(fact);
    }
  }
  std::vector<store::AttemptEvent> events;
  for (const RetentionVerdict& verdict : retain(facts, policy, phase)) {
    if (!verdict.keep && generations_.remove(verdict.id, verdict.reason)) {
      events.push_back({.kind = Kind::pruned, .reason = verdict.reason, .generation = verdict.id});
    }
  }
  tidy_origin(policy, phase, lineage.size());
  return events;
}

// A fork's copy of what it started from counts as one of the `keep` until they are its own.
void Tidy::tidy_origin(const Policy& policy, JobPhase phase, std::size_t sealed) const {
  const auto origin = store::read_origin(folder_.path());
  if (!origin || !*origin) {
    return;
  }
  if (phase == JobPhase::succeeded ||
      sealed >= static_cast<std::size_t>(std::max(policy.keep, 1))) {
    log::info("what this fork started from is not needed any more");
    std::ignore = store::remove_origin(folder_.path());
    return;
  }
  const store::Generations copy(store::origin_folder(folder_.path()));
  if (const auto manifest = copy.read_manifest((*origin)->from.generation)) {
    std::ignore = copy.drop_materialized(*manifest);
  }
}

std::vector<store::AttemptEvent> Tidy::compress(const Policy& policy,
                                                const std::function<bool()>& give_way) {
  std::vector<store::AttemptEvent> events;
  const auto on_disk = generations_.list();
  if (!on_disk || policy.compress != Compression::zstd) {
    return events;
  }
  const auto go_on = [&](std::uint64_t, std::uint64_t) { return !give_way(); };
  for (const store::GenerationOnDisk& generation : *on_disk) {
    if (!is_good(generation) || packed_.contains(generation.id) || give_way()) {
      continue;
    }
    const std::uint64_t before = generation.manifest->stored_bytes();
    const auto compressed = generations_.compress(*generation.manifest, kCompressionLevel, go_on);
    if (!compressed) {
      continue; // interrupted, or no room: raw is as good
    }
    packed_.insert(generation.id);
    if (compressed->stored_bytes() < before) {
      events.push_back({.kind = Kind::compressed,
                        .generation = generation.id,
                        .bytes = compressed->stored_bytes()});
    }
  }
  return events;
}

} // namespace ckpt::runner
