#pragma once

#include "client/cli.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

// The library behind Cli and Verb. For client/cli.cpp, verb.cpp and cli_description.cpp only.

namespace ckpt::client {

/// What all verbs of one command line share while it is parsed.
struct Shared {
  bool json = false;
  std::string cluster;
  std::function<int(Session&)> action;
};

struct Verb::Impl {
  CLI::App* app = nullptr;
  std::shared_ptr<Shared> shared;
  std::string group = "Options";
  std::vector<std::string>* program = nullptr;
  bool bare_program = false; ///< it begins with the first word that is no option
  std::vector<std::shared_ptr<Impl>> children;
};

struct Cli::Impl {
  CLI::App app{"Long computations across short allocations: checkpoint, requeue, go on.", "ckpt"};
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::shared_ptr<Verb::Impl>> verbs;
};

void add_cluster_option(CLI::App& app, Shared& shared);
/// A verb below `parent`, with the options that each has.
std::shared_ptr<Verb::Impl> make_verb(CLI::App& parent,
                                      const std::shared_ptr<Shared>& shared,
                                      const std::string& name,
                                      const std::string& help);
/// "ckpt daemon start".
std::string full_name(const Verb::Impl& verb);

} // namespace ckpt::client
