// Names that come from files: no manifest, draft or tombstone leads out of its job's folder,
// however it is written. Random, from a seed that is printed (CKPT_TEST_SEED repeats a run).
#include "core/json/json.hpp"
#include "core/store/generation_files.hpp"
#include "core/store/layout.hpp"
#include "tests/unit/store/support.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

using namespace ckpt;
using namespace ckpt::store;
using namespace ckpt::test;

namespace {

unsigned seed() {
  static const unsigned value = [] {
    const char* given = std::getenv("CKPT_TEST_SEED");
    const unsigned chosen =
        given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
    std::printf("names: CKPT_TEST_SEED=%u\n", chosen);
    return chosen;
  }();
  return value;
}

/// A path that somebody might try: pieces that lead up, out, or nowhere.
std::string random_path(std::mt19937& random, const std::string& out) {
  const std::vector<std::string> pieces{
      "..", ".",     "",          "attempts", "1", "images",  "generations",        "g1",
      "g2", "saved", "spec.json", "link",     out, "a.dmtcp", std::string("\0", 1), "\n",
      " ",  "~",     "$HOME",     "0001"};
  std::string path = random() % 4 == 0 ? "/" : random() % 2 == 0 ? "attempts/" : "";
  for (std::size_t i = 0, count = 1 + random() % 6; i < count; ++i) {
    path += (i == 0 ? "" : "/") + pieces[random() % pieces.size()];
  }
  return path;
}

/// Everything below a folder with its content.
std::map<std::string, std::string> picture_of(const Path& folder) {
  std::map<std::string, std::string> picture;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    picture[entry.path().string()] = entry.is_regular_file() ? slurp(entry.path()) : "";
  }
  return picture;
}

} // namespace

TEST_CASE("names: whatever a manifest, a draft or a tombstone lists, nothing outside is touched") {
  std::mt19937 random(seed());
  const TempDir dir;
  const Path outside = dir.path() / "outside";
  put(outside / "images/a.dmtcp", "precious");
  put(outside / "spec.json", "precious");
  const auto before = picture_of(outside);
  JobWithImages job(dir.path() / "job");
  const Manifest good = need(job.generations.seal(job.draft));
  std::filesystem::create_directory_symlink(outside, job.folder.path() / "attempts/link");
  put(job.folder.path() / "spec.json", "the job's");
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    const GenerationId id = need(job.generations.allocate());
    nlohmann::json json = to_json(good);
    json["id"] = id.str();
    const std::string path = random_path(random, outside.string());
    CAPTURE(path);
    const bool image = random() % 2 == 0;
    if (image) {
      json["images"][0]["path"] = path;
      json["saved"] = nlohmann::json::array();
    } else {
      json["saved"][0]["stored"]["path"] = path;
      if (random() % 2 == 0) {
        json["saved"][0]["original"] = random_path(random, outside.string());
      }
    }
    const Path folder = job.generations.dir(id);
    const std::string manifest = dump_json(json);
    switch (random() % 3) {
    case 0:
      put(manifest_file(folder), manifest);
      break;
    case 1:
      put(draft_file(folder), R"({"modified_ns":[0,0],"manifest":)" + manifest + "}");
      (void)job.generations.seal_left_over(id);
      break;
    default:
      put(tombstone_file(folder), R"({"reason":"none","manifest":)" + manifest + "}");
    }
    if (const auto read = job.generations.read_manifest(id)) {
      for (const StoredFile& file : read->images) {
        // The file itself may be a link: it is opened without following it.
        const Path real =
            std::filesystem::weakly_canonical((job.folder.path() / file.path).parent_path());
        CHECK((real / "").string().starts_with((job.folder.path() / "attempts/").string()));
      }
      (void)job.generations.materialize(*read);
      (void)job.generations.compress(*read, 1);
    }
    (void)job.generations.remove(id, "test");
    (void)job.generations.remove_unsealed_images(AttemptId{1}, false);
    (void)remove_tree(folder);
  }
  CHECK(picture_of(outside) == before);
  CHECK(slurp(job.folder.path() / "spec.json") == "the job's");
  CHECK(need(job.generations.verify(good)).good());
}

TEST_CASE("names: a folder on the way that is a link is not followed") {
  const TempDir dir;
  JobWithImages job(dir.path() / "job");
  const Manifest good = need(job.generations.seal(job.draft));
  const Path images = job.folder.path() / "attempts/1/images";
  std::filesystem::rename(images, dir.path() / "elsewhere");
  std::filesystem::create_directory_symlink(dir.path() / "elsewhere", images);
  const auto before = picture_of(dir.path() / "elsewhere");
  CHECK(code_of(job.generations.read_manifest(good.id)) == "damaged_file");
  (void)job.generations.remove(good.id, "test");
  (void)job.generations.remove_unsealed_images(AttemptId{1}, true);
  CHECK(picture_of(dir.path() / "elsewhere") == before);
}

TEST_CASE("names: packing one file never writes over another one") {
  const TempDir dir;
  JobWithImages job(dir.path());
  for (const char* name :
       {"a.dmtcp.zst", "b.dmtcp.unpacked", "a.dmtcp.zst.zst", "c", "c.zst.tmp"}) {
    job.add_image(name, packable(20'000, 5));
  }
  const Manifest sealed = need(job.generations.seal(job.draft));
  const Manifest packed = need(job.generations.compress(sealed, 1));
  CHECK(need(job.generations.verify(packed)).good());
  need(job.generations.materialize(packed));
  CHECK(need(job.generations.verify(packed)).good());
  need(job.generations.drop_materialized(packed));
  CHECK(need(job.generations.verify(packed)).good());
  const auto is_packed = [&](const std::string& name) {
    return std::any_of(packed.images.begin(), packed.images.end(), [&](const StoredFile& file) {
      return file.path.ends_with("/" + name) && file.form == StoredForm::zstd;
    });
  };
  CHECK_FALSE(is_packed("a.dmtcp"));
  CHECK_FALSE(is_packed("b.dmtcp"));
  CHECK(is_packed("b.dmtcp.unpacked"));
}

TEST_CASE("names: a generation's folder that is a link is no generation") {
  const TempDir dir;
  JobWithImages job(dir.path() / "job");
  const Manifest good = need(job.generations.seal(job.draft));
  std::filesystem::create_directory_symlink(job.generations.dir(good.id),
                                            job.generations.dir(GenerationId{9}));
  CHECK(need(job.generations.list()).size() == 1);
}

TEST_CASE("names: tokens, ids and streams are file names only when they are safe ones") {
  std::mt19937 random(seed());
  const TempDir dir;
  const Store store = need(Store::open(dir.path() / "store"));
  for (int round = 0; round < 300; ++round) {
    const std::string name = random_path(random, "/tmp");
    CAPTURE(name);
    const std::string random_part = name.substr(0, name.find('.'));
    const std::string index = name.substr(std::min(random_part.size() + 1, name.size()));
    const bool of_task = name.find('.') != std::string::npos; // "T.7"
    const bool counts =
        !index.empty() && index.find_first_not_of("0123456789") == std::string::npos;
    CHECK(check_token(SubmissionToken{name}).has_value() ==
          (random_part.find_first_of(std::string("/~$ \n\0", 6)) == std::string::npos &&
           !random_part.empty() && (!of_task || counts)));
    for (const auto& id : {JobId::parse(name)}) {
      CHECK((!id || id->str().find('/') == std::string::npos));
    }
    const auto generation = GenerationId::parse(name);
    CHECK((!generation || name == generation->str()));
  }
  for (const char* odd :
       {"j-", "j-0", "j--1", "j-1/..", "j-1 ", "j-01", "j-99999999999999999999", "J-1", "../j-1"}) {
    const auto id = JobId::parse(odd);
    CHECK((!id || (id->value > 0 && id->str().find('/') == std::string::npos)));
  }
}
