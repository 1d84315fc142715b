#include "core/domain/hazards.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace ckpt;

namespace {

constexpr std::uint64_t kShared = 1;
constexpr std::uint64_t kLocalDisk = 2;

Surroundings around(EngineKind engine = EngineKind::dmtcp, LocalFiles local = LocalFiles::save) {
  Surroundings surroundings;
  surroundings.engine = engine;
  surroundings.local_files = local;
  surroundings.cwd = "/home/u/sim";
  surroundings.job_folder = "/home/u/store/jobs/j-1";
  surroundings.tmpdir = "/tmp/ckpt-1000-j-1-7";
  surroundings.shared_devices = {kShared};
  surroundings.covered = {{kShared, 99}};
  return surroundings;
}

OpenObject file(std::string path, std::uint64_t device = kShared) {
  OpenObject object;
  object.kind = ObjectKind::regular;
  object.path = std::move(path);
  object.own = true;
  object.identity = {device, 5};
  object.filesystem = "ext4";
  return object;
}

OpenObject in_place(OpenObject object) {
  object.in_place = true;
  return object;
}

OpenObject mapped(OpenObject object) {
  object.mapped = object.shared = object.in_place = true;
  return object;
}

OpenObject deleted(OpenObject object) {
  object.deleted = true;
  return object;
}

OpenObject large(OpenObject object) {
  object.bytes = std::uint64_t{2} << 20U;
  return object;
}

OpenObject thing(ObjectKind kind, std::string path) {
  OpenObject object;
  object.kind = kind;
  object.path = std::move(path);
  return object;
}

ProcessFacts process(std::vector<OpenObject> objects = {}) {
  ProcessFacts facts;
  facts.pid = 7;
  facts.name = "simulate";
  facts.injected = true;
  facts.objects = std::move(objects);
  return facts;
}

/// The only hazard's kind, or nothing.
std::optional<HazardKind> only(const ProcessFacts& facts, const Surroundings& surroundings) {
  const auto found = find_hazards({facts}, surroundings);
  REQUIRE(found.size() <= 1);
  return found.empty() ? std::nullopt : std::optional(found.front().kind);
}

std::vector<std::string> codes(const std::vector<Hazard>& hazards,
                               const Surroundings& surroundings) {
  std::vector<std::string> found;
  for (const Warning& warning : warnings_of(hazards, surroundings)) {
    found.push_back(warning.code);
  }
  return found;
}

} // namespace

TEST_CASE("hazards: what one object is") {
  using K = HazardKind;
  struct Row {
    OpenObject object;
    std::optional<K> kind;
  };
  OpenObject unreachable = file("/home/u/other");
  unreachable.reachable = false;
  OpenObject private_deleted = deleted(file("/home/u/lib.so"));
  private_deleted.mapped = true;
  OpenObject output = in_place(file("/home/u/out"));
  output.identity = {kShared, 99};
  const std::vector<Row> rows{
      {file("/home/u/sim/input"), std::nullopt},
      {in_place(file("/home/u/sim/matrix")), K::uncovered_files},
      {mapped(file("/home/u/sim/matrix")), K::uncovered_files},
      {output, std::nullopt},
      {in_place(file("/home/u/store/jobs/j-1/attempts/1/dmtcp.log")), std::nullopt},
      {in_place(file("/tmp/ckpt-1000-j-1-7/ckpt-dmtcp-00ff/dmtcp/area")), std::nullopt},
      {in_place(file("/tmp/scratch", kLocalDisk)), std::nullopt}, // it will be saved
      {deleted(in_place(file("/tmp/scratch"))), std::nullopt},    // small enough for either engine
      {large(deleted(in_place(file("/tmp/scratch")))), K::deleted_files},
      {deleted(mapped(file("/dev/shm/sem"))), K::deleted_mappings},
      {private_deleted, std::nullopt},
      {deleted(mapped(file("/SYSV00000000"))), K::sysv_shm},
      {deleted(mapped(file("/memfd:arena"))), K::memory_files},
      {file("/proc/7/pagemap", 9), std::nullopt},
      {unreachable, K::unreachable_files},
      {thing(ObjectKind::device, "/dev/null"), std::nullopt},
      {thing(ObjectKind::device, "/dev/nvidia0"), K::gpu},
      {thing(ObjectKind::device, "/dev/nvidiactl"), K::gpu},
      {thing(ObjectKind::device, "/dev/kfd"), K::gpu},
      {thing(ObjectKind::device, "/dev/dri/renderD128"), K::gpu},
      {thing(ObjectKind::device, "/dev/infiniband/uverbs0"), K::rdma},
      {thing(ObjectKind::device, "/dev/pts/3"), K::terminal},
      {thing(ObjectKind::device, "/dev/fuse"), K::devices},
      {thing(ObjectKind::anonymous, "anon_inode:[io_uring]"), K::io_uring},
      {thing(ObjectKind::anonymous, "anon_inode:[perf_event]"), K::kernel_objects},
      {thing(ObjectKind::anonymous, "anon_inode:[eventfd]"), std::nullopt},
      {thing(ObjectKind::anonymous, "anon_inode:inotify"), K::inotify},
      {thing(ObjectKind::device, "/dev/ptmx"), std::nullopt},
      {thing(ObjectKind::pipe, "pipe:[1]"), std::nullopt},
      {thing(ObjectKind::socket, "socket:[1]"), std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.object.path);
    CHECK(only(process({row.object}), around()) == row.kind);
  }
}

TEST_CASE("hazards: what one process is, and where its connections lead") {
  using K = HazardKind;
  ProcessFacts facts = process();
  CHECK(!only(facts, around()));
  facts.is_static = true; // mtcp_restart, after a restart
  CHECK(!only(facts, around()));
  facts.injected = false;
  CHECK(only(facts, around()) == K::static_binary);
  facts.is_static = false;
  CHECK(only(facts, around()) == K::outside_engine);
  facts.settled = false; // between fork and exec
  CHECK(!only(facts, around()));
  facts.setuid = true;
  CHECK(only(facts, around()) == K::setuid_binary);
  facts = process();
  facts.readable = false;
  CHECK(only(facts, around()) == K::setuid_binary);
  facts = process();
  facts.connections = {{"10.0.0.5:27000", false}};
  CHECK(only(facts, around()) == K::outside_sockets);
  facts.connections = {{"/run/nscd/socket", true}};
  CHECK(only(facts, around()) == K::node_sockets);
}

TEST_CASE("hazards: a terminal whose other end is the program's is carried along") {
  const OpenObject terminal = thing(ObjectKind::device, "/dev/pts/3");
  const ProcessFacts master = process({thing(ObjectKind::device, "/dev/pts/ptmx")});
  CHECK(find_hazards({process({terminal})}, around()).size() == 1);
  CHECK(find_hazards({process({terminal}), master}, around()).empty());
}

TEST_CASE("hazards: which files are on this node only") {
  struct Row {
    OpenObject object;
    bool local;
  };
  OpenObject nfs = file("/data/set", 3);
  nfs.filesystem = "nfs";
  OpenObject others = file("/scratch-local/others", kLocalDisk);
  others.own = false;
  const std::vector<Row> rows{
      {file("/tmp/x", kShared), true}, // the store may be in /tmp too: the folder decides
      {file("/tmp/ckpt-1000-j-1-7/x"), true},
      {file("/dev/shm/x", 4), true},
      {file("/var/tmp/x", kLocalDisk), true},
      {file("/run/user/1000/x", 4), true},
      {file("/home/u/sim/x", kLocalDisk), false}, // the job could not run elsewhere
      {file("/home/u/x", kShared), false},
      {file("/scratch-local/x", kLocalDisk), true},
      {others, false},
      {nfs, false},
      {file("/usr/lib/libc.so", kLocalDisk), false},
      {file("/opt/app/bin/app", kLocalDisk), false},
      {file("/tmpfoo/x", kShared), false},
      {file("/proc/7/pagemap", 9), false}, // DMTCP's, while it writes
      {file("/sys/kernel/x", 9), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.object.path);
    CHECK(is_node_local(row.object, around()) == row.local);
  }
  Surroundings in_tmp = around();
  in_tmp.cwd = "/tmp/mine";
  CHECK(!is_node_local(file("/tmp/mine/x"), in_tmp));
}

TEST_CASE("hazards: what of them is saved") {
  OpenObject output = file("/tmp/out");
  output.identity = {kShared, 99};
  OpenObject unreachable = file("/tmp/secret");
  unreachable.reachable = false;
  const std::vector<ProcessFacts> two{
      process({file("/tmp/b"), mapped(file("/dev/shm/a")), output, unreachable}),
      process({file("/tmp/b"),
               deleted(file("/tmp/gone")),
               file("/home/u/sim/c"),
               file("/tmp/ckpt-dmtcp-1/area"),
               file("/tmp/store/bin/ckpt-file-ids-1.so"), // a store on this machine alone
               thing(ObjectKind::device, "/dev/null")})};
  CHECK(local_files_to_save(two, around()) == std::vector<std::string>{"/dev/shm/a", "/tmp/b"});
  CHECK(local_files_to_save(two, around(EngineKind::criu, LocalFiles::warn)).empty());
  CHECK(local_files_to_save(two, around(EngineKind::criu, LocalFiles::ignore)).empty());
}

TEST_CASE("hazards: --local-files decides what is told of them") {
  const ProcessFacts reads = process({file("/tmp/x")});
  const ProcessFacts changes = process({in_place(file("/tmp/x"))});
  CHECK(only(reads, around(EngineKind::dmtcp, LocalFiles::warn)) == HazardKind::local_files);
  CHECK(!only(reads, around(EngineKind::dmtcp, LocalFiles::ignore)));
  CHECK(only(changes, around(EngineKind::dmtcp, LocalFiles::ignore)) ==
        HazardKind::uncovered_files);
  Surroundings here = around(EngineKind::dmtcp, LocalFiles::warn);
  here.stays_on_node = true;
  CHECK(!only(reads, here));
  CHECK(only(changes, here) == HazardKind::uncovered_files);
}

TEST_CASE("warnings: each engine has its own") {
  std::vector<Hazard> all;
  for (const HazardKind kind : Words<HazardKind>::kAll) {
    all.push_back({kind, "x"});
  }
  const auto dmtcp = codes(all, around(EngineKind::dmtcp));
  const auto criu = codes(all, around(EngineKind::criu));
  const auto has = [](const std::vector<std::string>& list, const char* code) {
    return std::find(list.begin(), list.end(), code) != list.end();
  };
  CHECK(codes(all, around(EngineKind::app)).empty());
  for (const char* both : {"outside_sockets",
                           "node_sockets",
                           "gpu",
                           "rdma",
                           "io_uring",
                           "uncovered_files",
                           "setuid_binary"}) {
    CAPTURE(both);
    CHECK(has(dmtcp, both));
    CHECK(has(criu, both));
  }
  for (const char* only_dmtcp : {"static_binary", "outside_engine", "memory_files"}) {
    CAPTURE(only_dmtcp);
    CHECK(has(dmtcp, only_dmtcp));
    CHECK(!has(criu, only_dmtcp));
  }
  for (const char* only_criu : {"sysv_shm", "deleted_mappings", "inotify"}) {
    CAPTURE(only_criu);
    CHECK(!has(dmtcp, only_criu));
    CHECK(has(criu, only_criu));
  }
  for (const Warning& warning : warnings_of(all, around(EngineKind::criu))) {
    CHECK(!warning.advice.empty());
    CHECK(warning.text.back() != '.');
    CHECK(is_hazard_code(warning.code));
  }
}

TEST_CASE("warnings: one a kind, with some of the details, each once") {
  std::vector<Hazard> hazards;
  for (const char* path : {"e", "d", "c", "b", "a", "a"}) {
    hazards.push_back({HazardKind::uncovered_files, path});
  }
  const auto warnings = warnings_of(hazards, around());
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].text.find(": a, b, c and 2 more;") != std::string::npos);
  CHECK(warnings[0].advice.find("--ckpt-files") != std::string::npos);
}

TEST_CASE("warnings: a restart from an image that held it proves some") {
  const std::vector<Hazard> hazards{{HazardKind::devices, "/dev/fuse"},
                                    {HazardKind::outside_sockets, "10.0.0.5:27000"}};
  Surroundings restarted = around();
  CHECK(codes(hazards, restarted) == std::vector<std::string>{"outside_sockets", "devices"});
  restarted.restarted = true;
  CHECK(codes(hazards, restarted) == std::vector<std::string>{"outside_sockets"});
}

TEST_CASE("files that are mapped to be read: not those that anything of the program can write to") {
  OpenObject library = thing(ObjectKind::regular, "/lib/x.so"); // private
  library.mapped = true;
  library.identity = {1, 1};
  OpenObject table = thing(ObjectKind::regular, "/data/table");
  table.mapped = table.shared = true;
  table.identity = {1, 2};
  OpenObject log = table;
  log.path = "/data/log";
  log.identity = {1, 3};
  OpenObject elsewhere = thing(ObjectKind::regular, "/data/log");
  elsewhere.writable = true;
  elsewhere.identity = {1, 3};
  ProcessFacts one;
  one.objects = {library, table, log};
  ProcessFacts other;
  other.objects = {elsewhere};
  CHECK(files_mapped_to_read({one, other}) == std::set<FileIdentity>{{1, 2}});
  CHECK(files_mapped_to_read({one}) == std::set<FileIdentity>{{1, 2}, {1, 3}});
}
