#include "client/machine_findings.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt;
using namespace ckpt::client;

namespace {

using Level = Finding::Level;

Finding find(const std::vector<Finding>& all, const std::string& code) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Finding& one) { return one.code == code; });
  REQUIRE_MESSAGE(found != all.end(), code);
  return *found;
}

MachineFacts allowed() {
  MachineFacts facts;
  facts.max_user_namespaces = "31000";
  return facts;
}

} // namespace

TEST_CASE("doctor: user namespaces, and what forbids them") {
  CHECK(find(machine_findings(allowed()), "user_namespaces").level == Level::ok);
  MachineFacts facts = allowed();
  facts.max_user_namespaces = "0";
  Finding finding = find(machine_findings(facts), "user_namespaces");
  CHECK(finding.level == Level::note);
  CHECK(finding.message.find("max_user_namespaces is 0") != std::string::npos);
  CHECK(finding.advice.find("DMTCP") != std::string::npos);
  facts.root = true;
  CHECK(find(machine_findings(facts), "user_namespaces").level == Level::ok);
  facts = allowed();
  facts.userns_clone = "0";
  CHECK(find(machine_findings(facts), "user_namespaces").level == Level::note);
  facts = allowed();
  facts.apparmor_restricts = "1";
  CHECK(find(machine_findings(facts), "user_namespaces").message.find("apparmor") !=
        std::string::npos);
}

TEST_CASE("doctor: lingering matters where systemd ends services at a logout") {
  MachineFacts facts = allowed();
  CHECK(find(machine_findings(facts), "lingering").level == Level::ok);
  facts.systemd = true;
  Finding finding = find(machine_findings(facts), "lingering");
  CHECK(finding.level == Level::note);
  CHECK(finding.advice.find("loginctl enable-linger") != std::string::npos);
  facts.daemon_in_systemd = true;
  CHECK(find(machine_findings(facts), "lingering").message.find("ends when you log out") !=
        std::string::npos);
  facts.lingers = true;
  CHECK(find(machine_findings(facts), "lingering").level == Level::ok);
}

TEST_CASE("doctor: folders that others can look into, or own") {
  MachineFacts facts = allowed();
  facts.folders = {{"/home/a/store", 0755, true}};
  Finding finding = find(machine_findings(facts), "folder_open");
  CHECK(finding.level == Level::problem);
  CHECK(finding.message.find("0755") != std::string::npos);
  CHECK(finding.advice.find("chmod 700 /home/a/store") != std::string::npos);
  facts.folders = {{"/home/a/store", 0700, false}};
  CHECK(find(machine_findings(facts), "folder_not_ours").level == Level::problem);
  facts.folders = {{"/home/a/store", 0700, true}};
  CHECK(find(machine_findings(facts), "folder").level == Level::ok);
}

TEST_CASE("doctor: a store that is nearly full, or that the nodes may not see") {
  const Path config = "/home/u/.config/ckptd/config.toml";
  api::StoreView store{"/s", "nfs", 50, 100};
  CHECK(store_finding(store, SchedulerKind::slurm, config).level == Level::ok);
  store.filesystem = "ext4";
  CHECK(store_finding(store, SchedulerKind::slurm, config).code == "store_not_shared");
  const std::string advice = store_finding(store, SchedulerKind::slurm, config).advice;
  CHECK(advice.find(
            "`path` below [store] in /home/u/.config/ckptd/config.toml (`ckpt config init`") !=
        std::string::npos);
  CHECK(store_finding(store, SchedulerKind::local, config).level == Level::ok);
  store.available_bytes = 4;
  CHECK(store_finding(store, SchedulerKind::slurm, config).code == "store_nearly_full");
}
