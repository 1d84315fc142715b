#include "core/json/fields.hpp"
#include "core/json/json.hpp"
#include "tests/unit/json/samples.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::test;

namespace {

/// As a file goes: to text and back.
nlohmann::json through_text(const nlohmann::json& json) {
  const auto again = parse_json(dump_json(json));
  REQUIRE(again);
  return *again;
}

template <class Value>
void check_error(const Result<Value>& result,
                 const std::string& field,
                 const std::string& why = "") {
  REQUIRE_FALSE_MESSAGE(result.has_value(), field);
  CHECK(result.error().code == "invalid_field");
  CHECK(result.error().cls == ErrorClass::usage);
  CHECK_MESSAGE(result.error().message.starts_with(field + ":"), result.error().message);
  CHECK_MESSAGE(result.error().message.find(why) != std::string::npos, result.error().message);
}

nlohmann::json with(nlohmann::json json, const std::string& pointer, const nlohmann::json& value) {
  json[nlohmann::json::json_pointer(pointer)] = value;
  return json;
}

} // namespace

TEST_CASE("policy: there and back") {
  CHECK(policy_from_json(through_text(to_json(Policy{}))) == Policy{});
  CHECK(policy_from_json(through_text(to_json(sample_policy()))) == sample_policy());
  CHECK(policy_from_json(nlohmann::json::object()) == Policy{});
  Policy off;
  off.every.kind = Interval::Kind::off;
  CHECK(policy_from_json(through_text(to_json(off))) == off);
}

TEST_CASE("policy: durations are seconds, fractions allowed") {
  const nlohmann::json json = to_json(sample_policy());
  CHECK(json["every_seconds"] == 1.5);
  CHECK(json["lead_seconds"] == 90);
  CHECK(to_json(Policy{})["every_seconds"] == "auto");
  CHECK(to_json(Policy{})["total_time_seconds"].is_null());
  for (const int ms : {1, 3, 10, 999, 1001, 86399999}) {
    const auto policy = policy_from_json({{"every_seconds", seconds_json(milliseconds{ms})}});
    REQUIRE(policy);
    CHECK(policy->every.every.count() == ms);
  }
}

TEST_CASE("policy: what is wrong is named") {
  const nlohmann::json good = to_json(sample_policy());
  check_error(policy_from_json(with(good, "/kepe", 2)), "policy.kepe", "unknown field");
  check_error(policy_from_json(with(good, "/keep", 0)), "policy.keep", "at least 1");
  check_error(policy_from_json(with(good, "/keep", 2.5)), "policy.keep", "whole number");
  check_error(policy_from_json(with(good, "/keep", "2")), "policy.keep", "whole number");
  check_error(policy_from_json(with(good, "/keep", nullptr)), "policy.keep");
  check_error(policy_from_json(with(good, "/keep", 4294967298)), "policy.keep", "at most");
  check_error(policy_from_json(with(good, "/keep", UINT64_MAX)), "policy.keep", "too large");
  check_error(policy_from_json(with(good, "/compress", "gzip")), "policy.compress", "zstd, none");
  check_error(policy_from_json(with(good, "/every_seconds", "30m")), "policy.every_seconds");
  check_error(policy_from_json(with(good, "/every_seconds", 0)), "policy.every_seconds");
  check_error(policy_from_json(with(good, "/every_seconds", 1e300)), "policy.every_seconds");
  check_error(policy_from_json(with(good, "/lead_seconds", -1)), "policy.lead_seconds");
  check_error(policy_from_json(with(good, "/lead_seconds", "off")), "policy.lead_seconds");
  check_error(policy_from_json(with(good, "/tags/project", 3)), "policy.tags", "project");
  check_error(policy_from_json(with(good, "/ckpt_files", "*.h5")), "policy.ckpt_files", "array");
  check_error(policy_from_json(with(good, "/ckpt_files/0", 1)), "policy.ckpt_files", "item 0");
  check_error(policy_from_json(nlohmann::json::array()), "policy", "object");
}

TEST_CASE("policy: a patch changes what it names and nothing else") {
  const auto patched = patch_policy(
      sample_policy(), {{"keep", 9}, {"lead_seconds", "auto"}, {"total_time_seconds", nullptr}});
  REQUIRE(patched);
  Policy expected = sample_policy();
  expected.keep = 9;
  expected.lead.reset();
  expected.total_time.reset();
  CHECK(*patched == expected);
  check_error(patch_policy(Policy{}, {{"revision", 3}}), "policy.revision", "cannot be set");
  check_error(patch_policy(Policy{}, {{"nope", 3}}), "policy.nope", "unknown field");
}

TEST_CASE("spec: there and back") {
  CHECK(job_spec_from_json(through_text(to_json(sample_spec()))) == sample_spec());
  JobSpec least;
  least.id = JobId{1};
  least.argv = {"true"};
  least.cwd = "/";
  CHECK(job_spec_from_json(through_text(to_json(least))) == least);
}

TEST_CASE("spec: any bytes in argv, environment and paths survive") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    JobSpec spec = sample_spec();
    spec.argv = {"p" + random_bytes(random, 8)};
    for (int i = 0; i < 5; ++i) {
      spec.argv.push_back(random_bytes(random, 12));
      std::string name = "N" + random_bytes(random, 6);
      std::erase(name, '=');
      spec.env[name] = random_bytes(random, 30);
    }
    spec.cwd = "/" + random_bytes(random, 20);
    spec.stdout_path = random_bytes(random, 20);
    spec.app.command = random_bytes(random, 20);
    CHECK(job_spec_from_json(through_text(to_json(spec))) == spec);
  }
}

TEST_CASE("spec: what is wrong is named") {
  const nlohmann::json good = to_json(sample_spec());
  const auto without = [&](const char* name) {
    nlohmann::json json = good;
    json.erase(name);
    return json;
  };
  for (const char* name : {"id", "created_at", "argv", "cwd", "scheduler"}) {
    check_error(job_spec_from_json(without(name)), std::string("spec.") + name);
  }
  check_error(job_spec_from_json(with(good, "/id", "7")), "spec.id", "j-1");
  check_error(job_spec_from_json(with(good, "/argv", nlohmann::json::array())), "spec.argv");
  check_error(job_spec_from_json(with(good, "/argv/1", {{"base64", "Z"}})), "spec.argv", "item 1");
  check_error(
      job_spec_from_json(with(good, "/argv/1", std::string("a\0b", 3))), "spec.argv", "NUL");
  check_error(job_spec_from_json(with(good, "/cwd", "run")), "spec.cwd", "absolute");
  check_error(job_spec_from_json(with(good, "/env", {{"A=B", "1"}})), "spec.env", "A=B");
  check_error(job_spec_from_json(with(good, "/env", {{"A", 1}})), "spec.env", "A ");
  check_error(job_spec_from_json(with(good, "/umask", "0999")), "spec.umask");
  check_error(job_spec_from_json(with(good, "/umask", "10000")), "spec.umask");
  check_error(job_spec_from_json(with(good, "/created_at", "yesterday")), "spec.created_at");
  check_error(job_spec_from_json(with(good, "/app/sig", "x")), "spec.app.sig", "unknown field");
  check_error(job_spec_from_json(with(good, "/app", 3)), "spec.app", "object");
  check_error(job_spec_from_json(with(good, "/started_from/generation", "3")),
              "spec.started_from.generation");
  check_error(job_spec_from_json(with(good, "/x", 1)), "spec.x", "unknown field");
  check_error(
      job_spec_from_json(with(good, "/env_odd_names", {{{"name", "PATH"}, {"value", "x"}}})),
      "spec.env_odd_names",
      "twice");
}

TEST_CASE("manifest: there and back") {
  CHECK(manifest_from_json(through_text(to_json(sample_manifest()))) == sample_manifest());
  Manifest least;
  least.job = JobId{1};
  least.id = GenerationId{1};
  least.attempt = AttemptId{1};
  CHECK(manifest_from_json(through_text(to_json(least))) == least);
}

TEST_CASE("manifest: no path leads out of the job folder") {
  const nlohmann::json good = to_json(sample_manifest());
  for (const char* path : {"",
                           "/etc/passwd",
                           "../x",
                           "attempts/../../x",
                           "attempts/..",
                           "./x",
                           "a//b",
                           "a/",
                           ".",
                           "..",
                           "a/./b"}) {
    check_error(manifest_from_json(with(good, "/images/1/path", path)), "manifest.images[1].path");
    check_error(manifest_from_json(with(good, "/saved/0/stored/path", path)),
                "manifest.saved[0].stored.path");
  }
  check_error(manifest_from_json(with(good, "/images/0/path", std::string("a\0b", 3))),
              "manifest.images[0].path");
  for (const char* path : {"", "x", "/", "/a/../b", "//a", "/a/", "/a/./b", "../a"}) {
    check_error(manifest_from_json(with(good, "/saved/0/original", path)),
                "manifest.saved[0].original");
    check_error(manifest_from_json(with(good, "/lengths/0/path", path)),
                "manifest.lengths[0].path");
  }
}

TEST_CASE("manifest: what is wrong is named") {
  const nlohmann::json good = to_json(sample_manifest());
  for (const auto& item : good.items()) {
    if (item.key() == "lengths" || item.key() == "folders" || item.key() == "deleted" ||
        item.key() == "append_files" || item.key() == "written" || item.key() == "saved" ||
        item.key() == "restart_in" ||
        item.key() == "parent") {
      continue;
    }
    nlohmann::json json = good;
    json.erase(item.key());
    check_error(manifest_from_json(json), "manifest." + item.key());
  }
  check_error(manifest_from_json(with(good, "/images/0/raw_hash", "00")),
              "manifest.images[0].raw_hash");
  check_error(manifest_from_json(with(good, "/images/0/raw_hash", std::string(32, 'G'))),
              "manifest.images[0].raw_hash");
  check_error(manifest_from_json(with(good, "/images/0/stored_bytes", 1)),
              "manifest.images[0].stored_bytes");
  check_error(manifest_from_json(with(good, "/images/0/raw_bytes", -1)),
              "manifest.images[0].raw_bytes");
  check_error(manifest_from_json(with(good, "/images/1/path", "attempts/2/images/a.dmtcp")),
              "manifest.images[1].path",
              "twice");
  check_error(manifest_from_json(with(good, "/attempt", 0)), "manifest.attempt");
  check_error(manifest_from_json(with(good, "/attempt", "2")), "manifest.attempt");
  check_error(manifest_from_json(with(good, "/parent", "3")), "manifest.parent");
  check_error(manifest_from_json(with(good, "/engine/name", "blcr")), "manifest.engine.name");
  check_error(manifest_from_json(with(good, "/host/cpu", 1)), "manifest.host.cpu", "unknown");
  check_error(manifest_from_json(with(good, "/saved/0/mode", 010000)), "manifest.saved[0].mode");
  check_error(manifest_from_json(with(good, "/images", 1)), "manifest.images", "array");
}

TEST_CASE("readers survive any JSON") {
  std::mt19937 random(4);
  const std::string text =
      dump_json(to_json(sample_manifest())) + dump_json(to_json(sample_spec()));
  for (int round = 0; round < 20000; ++round) {
    std::string mutated =
        dump_json(round % 2 == 0 ? to_json(sample_manifest()) : to_json(sample_spec()));
    for (int flips = 0; flips < 2; ++flips) {
      mutated[random() % mutated.size()] = text[random() % text.size()];
    }
    if (const auto json = parse_json(mutated)) {
      // What is accepted is accepted again in the form that we write.
      if (const auto manifest = manifest_from_json(*json)) {
        CHECK(manifest_from_json(to_json(*manifest)) == *manifest);
      }
      if (const auto spec = job_spec_from_json(*json)) {
        CHECK(job_spec_from_json(to_json(*spec)) == *spec);
      }
      (void)policy_from_json(*json);
    }
  }
}
