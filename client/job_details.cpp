#include "client/job_details.hpp"

#include "core/base/strings.hpp"

namespace ckpt::client {

Result<JobDetails> details_of(ApiClient& client, const std::string& selector) {
  auto job = client.job(selector);
  if (!job) {
    return tl::unexpected(job.error());
  }
  const std::string id = job->id.str();
  auto attempts = client.attempts(id);
  if (!attempts) {
    return tl::unexpected(attempts.error());
  }
  auto generations = client.generations(id);
  if (!generations) {
    return tl::unexpected(generations.error());
  }
  for (api::GenerationView& one : *generations) {
    if (one.state == GenerationState::writing) { // how far it is, one that is asked for alone tells
      one = client.generation(id, one.id).value_or(one);
    }
  }
  return JobDetails{std::move(*job), std::move(*attempts), std::move(*generations), {}};
}

std::vector<std::string> last_lines_of(ApiClient& client, const api::JobView& job) {
  constexpr std::uint64_t kBytes = 2000;
  constexpr std::size_t kLines = 5;
  api::OutputRequest request;
  request.stream = job.stderr_path.empty() || job.stderr_path == job.stdout_path
                       ? api::OutputStream::stdout_text
                       : api::OutputStream::stderr_text;
  request.limit = 1;
  const auto size = client.output(job.id.str(), request);
  if (!size || size->size == 0) {
    return {};
  }
  request.offset = size->size > kBytes ? size->size - kBytes : 0;
  request.limit = kBytes;
  const auto chunk = client.output(job.id.str(), request);
  std::vector<std::string> lines = chunk ? split_lines(chunk->data) : std::vector<std::string>{};
  if (!lines.empty() && request.offset > 0) {
    lines.erase(lines.begin()); // begins in the middle
  }
  while (!lines.empty() && lines.back().empty()) {
    lines.pop_back();
  }
  if (lines.size() > kLines) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLines));
  }
  return lines;
}

} // namespace ckpt::client
