#pragma once

#include <string>

// The manual pages, made of what the programs say of themselves: their --help and the keys of the
// configuration. Each returns roff; `date` is YYYY-MM-DD.

namespace ckpt::man {

std::string ckpt_page(const std::string& date);       ///< ckpt(1)
std::string ckptd_page(const std::string& date);      ///< ckptd(8)
std::string ckptd_toml_page(const std::string& date); ///< ckptd.toml(5)

} // namespace ckpt::man
