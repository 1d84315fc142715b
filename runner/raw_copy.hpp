#pragma once

#include <string>
#include <vector>

namespace ckpt::runner {

/// `ckpt-runner raw-copy --job FOLDER --generation gN --to FOLDER`, which `ckpt gens --raw` calls:
/// the files of a sealed generation, raw and verified, outside of the store. The paths of the
/// copies go to standard output, one a line. A process of its own, since it may move hundreds of
/// gigabytes; it needs no daemon. Returns the exit status: 0 done, 1 failed (with the error on
/// standard error, and its code on standard output), 2 usage.
int run_raw_copy(const std::vector<std::string>& arguments);

} // namespace ckpt::runner
