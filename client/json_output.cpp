#include "api/codec.hpp"
#include "api/problem.hpp"
#include "client/output.hpp"
#include "client/reasons.hpp"
#include "core/base/clock.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::client {
namespace {

using nlohmann::json;

class JsonOutput : public Output {
public:
  explicit JsonOutput(std::FILE* out) : out_(out) {}

  void submitted(const api::JobView& job) override { print(api::to_json(job)); }
  void submitted(const api::ArrayView& array) override { print(api::to_json(array)); }
  void jobs(const std::vector<api::JobView>& jobs, const std::string& /*if_none*/) override {
    print(api::list_to_json(jobs));
  }
  void details(const JobDetails& details) override {
    json job = api::to_json(details.job);
    job["attempts"] = api::list_to_json(details.attempts)["items"];
    job["generations"] = api::list_to_json(details.generations)["items"];
    print(job);
  }
  void removed(const std::vector<api::JobView>& jobs) override { one_or_list(jobs); }
  void acted(const std::vector<api::JobView>& jobs,
             const std::string& /*done*/,
             std::optional<JobState> /*aim*/) override {
    one_or_list(jobs);
  }
  void checkpoints(const std::vector<api::GenerationView>& generations) override {
    one_or_list(generations);
  }
  void generation_acted(const api::GenerationView& generation,
                        const std::string& /*done*/) override {
    print(api::to_json(generation));
  }
  void verified(const std::vector<api::GenerationView>& generations) override {
    one_or_list(generations);
  }
  void policy_changed(const api::JobView& job) override { print(api::to_json(job)); }
  void pruned(const std::vector<api::PrunedView>& pruned,
              const std::vector<Holding>& /*holding*/,
              bool /*dry_run*/) override {
    print(api::list_to_json(pruned));
  }
  void nodes(const std::vector<api::NodeView>& nodes) override { print(api::list_to_json(nodes)); }
  void stats(const api::StatsView& stats) override { print(api::to_json(stats)); }
  void why(const JobDetails& details) override {
    json out = api::to_json(details.job);
    out["why"] = client::why(details, system_clock().now());
    out["last_lines"] = details.last_lines;
    print(out);
  }
  void results(const std::vector<JobResult>& results) override {
    json list = json::array();
    for (const JobResult& result : results) {
      json one = api::to_json(result.job);
      one["exit_status"] = result.exit_status;
      one["origin"] = result.from_program ? "program" : "ckpt";
      list.push_back(std::move(one));
    }
    if (list.size() == 1) {
      print(list.front());
    } else {
      print(json{{"items", std::move(list)}, {"next", nullptr}});
    }
  }
  void generations(const std::vector<api::GenerationView>& generations,
                   const std::vector<api::AttemptView>& /*attempts*/) override {
    print(api::list_to_json(generations));
  }
  void processes(const std::vector<api::ProcessView>& processes) override {
    print(api::list_to_json(processes));
  }
  void coordinators(const std::vector<api::CoordinatorView>& coordinators) override {
    print(api::list_to_json(coordinators));
  }
  void events(const api::EventPage& page) override { print(api::to_json(page)); }
  void status(const api::StatusView& status) override { print(api::to_json(status)); }
  void settings(const std::vector<SettingLine>& settings) override {
    json items = json::array();
    for (const SettingLine& one : settings) {
      items.push_back({{"key", one.key},
                       {"value", one.value.empty() ? json(nullptr) : json(one.value)},
                       {"origin", one.origin}});
    }
    print(json{{"items", std::move(items)}, {"next", nullptr}});
  }
  void findings(const std::vector<Finding>& findings) override {
    json items = json::array();
    bool fine = true;
    for (const Finding& finding : findings) {
      const char* level = finding.level == Finding::Level::ok     ? "ok"
                          : finding.level == Finding::Level::note ? "note"
                                                                  : "problem";
      fine = fine && finding.level != Finding::Level::problem;
      items.push_back({{"level", level},
                       {"code", finding.code},
                       {"message", finding.message},
                       {"advice", finding.advice}});
    }
    print(json{{"health", fine ? "ok" : "degraded"}, {"findings", std::move(items)}});
  }
  void pairs(const std::vector<std::pair<std::string, std::string>>& pairs) override {
    json object = json::object();
    for (const auto& [name, value] : pairs) {
      object[name] = value.empty() ? json(nullptr) : json(value);
    }
    print(object);
  }
  void error(const Error& error) override {
    if (!printed_) { // exactly one value, whatever happened after it
      print(parse_json(api::problem_body(error)).value_or(json::object()));
    }
  }

private:
  template <class View> void one_or_list(const std::vector<View>& views) {
    if (views.size() == 1) {
      print(api::to_json(views.front()));
    } else {
      print(api::list_to_json(views));
    }
  }
  void print(const json& value) {
    const std::string text = dump_json_pretty(value) + "\n";
    (void)std::fwrite(text.data(), 1, text.size(), out_);
    (void)std::fflush(out_);
    printed_ = true;
  }
  std::FILE* out_;
  bool printed_ = false;
};

} // namespace

std::unique_ptr<Output> make_json_output(std::FILE* out) {
  return std::make_unique<JsonOutput>(out);
}

} // namespace ckpt::client
