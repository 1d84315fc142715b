// Small files that are read from the disk as a whole: drafts and tombstones of generations, owner
// marks, wishes, notes, and the records of local allocations.
#include "core/scheduler/local/record.hpp"
#include "core/store/coordinator.hpp"
#include "core/store/generation_files.hpp"
#include "core/store/initial_lengths.hpp"
#include "core/store/layout.hpp"
#include "core/store/owner_mark.hpp"
#include "tests/fuzz/checks.hpp"

using namespace ckpt;
using namespace ckpt::store;

namespace {

void check_draft(std::string_view text) {
  const Path dir = fuzz::folder() / "generations" / "g1";
  fuzz::file_of(draft_file(dir), text);
  (void)read_draft(dir);
  // Sealing what a dead attempt left takes every name from the draft.
  (void)Generations(fuzz::folder()).left_over(GenerationId{1});
}

void check_manifest(std::string_view text) {
  const Path dir = fuzz::folder() / "generations" / "g2";
  fuzz::file_of(manifest_file(dir), text);
  const auto manifest = Generations(fuzz::folder()).read_manifest(GenerationId{2});
  if (manifest) {
    for (const StoredFile& image : manifest->images) {
      fuzz::require(image.path.starts_with("attempts/"), "images lie below attempts/");
    }
    for (const SavedFile& saved : manifest->saved) {
      fuzz::require(saved.stored.path.starts_with("generations/g2/saved/"),
                    "saved files in their generation");
    }
  }
}

void check_local_record(std::string_view text) {
  constexpr const char* kNames[] = {
      "submission.json", "process.json", "restarts.json", "cancelled.json", "end.json"};
  const std::size_t which = fuzz::choice(text, 5);
  const Path dir = fuzz::folder() / "local" / "local-1";
  fuzz::file_of(dir / kNames[which], text);
  (void)scheduler::local::Records(fuzz::folder()).read(SchedulerJobId{"local-1"});
  std::filesystem::remove(dir / kNames[which]);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::view_of(data, size);
  const Path& folder = fuzz::folder();
  switch (fuzz::choice(text, 8)) {
  case 0:
    check_draft(text);
    return 0;
  case 1:
    check_manifest(text);
    return 0;
  case 2:
    fuzz::file_of(tombstone_file(folder), text);
    (void)read_tombstone(folder);
    return 0;
  case 3:
    fuzz::file_of(folder / "owner.json", text);
    (void)read_owner(folder);
    return 0;
  case 4:
    fuzz::file_of(folder / "submissions/t/start.json", text);
    (void)JobFolder(folder).read_start(SubmissionToken{"t"});
    return 0;
  case 5:
    (void)read_initial_lengths(fuzz::file_of(folder / "initial.json", text));
    return 0;
  case 6: {
    const AttemptFolder attempt(folder, AttemptId{1});
    fuzz::file_of(attempt.path() / "coordinator.json", text);
    (void)read_coordinator(attempt);
    return 0;
  }
  default:
    check_local_record(text);
    return 0;
  }
}
