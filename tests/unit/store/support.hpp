#pragma once

#include "core/base/files.hpp"
#include "core/store/generations.hpp"
#include "core/store/job_folder.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace ckpt::test {

/// A folder of its own, gone at the end.
class TempDir {
public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ckpt-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const Path& path() const { return path_; }

private:
  Path path_;
};

inline void put(const Path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline std::string slurp(const Path& path) {
  const auto text = read_file(path);
  REQUIRE_MESSAGE(text.has_value(), path.string());
  return *text;
}

inline bool there(const Path& path) {
  return std::filesystem::exists(path);
}

template <class Value> const Value& need(const Result<Value>& result) {
  REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message));
  return *result;
}

inline void need(const Status& status) {
  REQUIRE_MESSAGE(status.has_value(), (status ? "" : status.error().message));
}

template <class Value> std::string code_of(const Result<Value>& result) {
  return result ? "" : result.error().code;
}

/// Text that zstd packs well, of any length, different for each seed.
inline std::string packable(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < bytes) {
    text += "line " + std::to_string(random() % 1000) + "\n";
  }
  text.resize(bytes);
  return text;
}

inline std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) {
    c = static_cast<char>(random());
  }
  return text;
}

/// Runs in a child; its exit status (128 + signal). The child leaves without running destructors.
template <class Body> int in_child(const Body& body) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Starts the bodies together (they wait on a pipe) and returns their exit statuses.
template <class Body> std::vector<int> all_at_once(int count, const Body& body) {
  int gate[2] = {-1, -1};
  REQUIRE(::pipe(gate) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      ::close(gate[1]);
      char byte = 0;
      (void)!::read(gate[0], &byte, 1); // ends when the parent closes its side
      ::_exit(body(i));
    }
    children.push_back(pid);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  std::vector<int> statuses;
  for (const pid_t pid : children) {
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    statuses.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : 255);
  }
  return statuses;
}

inline TimePoint sample_time() {
  return TimePoint{} + milliseconds{1'770'000'000'250};
}

inline JobSpec sample_spec(JobId id) {
  JobSpec spec;
  spec.id = id;
  spec.name = "simulate";
  spec.created_at = sample_time();
  spec.argv = {"./simulate"};
  spec.cwd = "/home/ada";
  return spec;
}

inline store::Claim sample_claim(const std::string& token, int restart_count = 0) {
  store::Claim claim;
  claim.token = SubmissionToken{token};
  claim.scheduler_job_id = SchedulerJobId{"4711"};
  claim.restart_count = restart_count;
  claim.host = "n1";
  claim.boot_id = "boot";
  claim.pid = ::getpid();
  claim.start_ticks = 12345;
  claim.at = sample_time();
  return claim;
}

/// A job folder with an attempt, and the draft of its generation of two packable images, a small
/// noisy one, and a saved file of the user's.
struct JobWithImages {
  explicit JobWithImages(const Path& root, std::size_t image_bytes = 300'000)
      : folder(*store::Store::open(root / "store")->create_job(sample_spec(JobId{7}), Policy{})),
        generations(folder.path()), user_file(root / "home" / "state.bin") {
    need(folder.claim(sample_claim("token-a")));
    put(user_file, packable(50'000, 9));
    draft.id = need(generations.allocate());
    draft.job = JobId{7};
    draft.attempt = AttemptId{1};
    draft.frozen_at = draft.sealed_at = sample_time();
    add_image("a.dmtcp", packable(image_bytes, 1));
    add_image("b.dmtcp", packable(image_bytes / 2, 2));
    add_image("set_1/noise.dmtcp", noise(4000, 3));
    draft.saved = {need(generations.save_file(draft.id, user_file))};
  }

  void add_image(const std::string& name, const std::string& content) {
    StoredFile image;
    image.path = "attempts/1/images/" + name;
    put(folder.path() / image.path, content);
    draft.images.push_back(image);
  }

  Path image(std::size_t i) const { return folder.path() / draft.images.at(i).path; }
  Path packed(std::size_t i) const { return image(i).string() + ".zst"; }

  store::JobFolder folder;
  store::Generations generations;
  Path user_file;
  Manifest draft;
};

} // namespace ckpt::test
