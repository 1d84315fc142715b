#pragma once

#include "client/commands/commands.hpp"
#include "client/output.hpp"

#include <string>

namespace ckpt::client {

/// A verb that tells something of one job with its attempts and generations: `show` and `why`.
struct DetailsVerb {
  std::string name;
  std::string help;
  void (Output::*tell)(const JobDetails& details);
  bool last_lines = false; ///< with what a failed program said at last
  std::string footer = {};
};
void add_details_verb(Cli& cli, const DetailsVerb& what);

} // namespace ckpt::client
