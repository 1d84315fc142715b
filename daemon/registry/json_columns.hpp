#pragma once

#include "daemon/model.hpp"

#include <string>
#include <vector>

// JSON in text columns. Reading never fails: what cannot be read gives an empty value.

namespace ckpt::daemon::columns {

std::string from_strings(const std::vector<std::string>& values);
std::vector<std::string> to_strings(const std::string& text);
std::string from_tags(const std::map<std::string, std::string>& tags);
std::string from_policy(const Policy& policy);
Policy to_policy(const std::string& text);
std::string from_overrides(const RestartOverrides& overrides);
RestartOverrides to_overrides(const std::string& text);
std::string from_warnings(const std::vector<api::WarningView>& warnings);
std::vector<api::WarningView> to_warnings(const std::string& text);

} // namespace ckpt::daemon::columns
