#pragma once

#include <string>

// What the library that parses the command line says, made fit for people. Pure.

namespace ckpt::client {

/// Its help with single blank lines, and the options that every command has behind the others.
std::string arranged(std::string help);
/// Its messages begin with capitals and end with stops at will.
std::string tidy(std::string message);

} // namespace ckpt::client
