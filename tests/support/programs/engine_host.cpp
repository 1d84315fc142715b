// Stands in for ckpt-runner in the engines' contract tests: what the engines start it for.
#include "core/engine/criu/ns_init.hpp"
#include "core/engine/stub.hpp"

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--stub") == 0) {
    return ckpt::engine::run_stub(argv[2]);
  }
  if (argc >= 2 && std::strcmp(argv[1], "--ns-init") == 0) {
    return ckpt::engine::run_ns_init(argc, argv);
  }
  std::fputs("usage: engine_host --stub FILE | --ns-init …\n", stderr);
  return 2;
}
