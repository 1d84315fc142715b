#include "core/domain/restart_folder.hpp"

#include <set>

namespace ckpt {
namespace {

/// As DMTCP compares them: nothing lies below "/".
bool lies_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

RestartFolder none(const std::set<std::string>& elsewhere) {
  std::string names;
  for (const std::string& name : elsewhere) {
    names += (names.empty() ? "" : ", ") + name;
  }
  return {"",
          "its processes work in different folders, and DMTCP would bring those in " + names +
              " back into another one"};
}

} // namespace

RestartFolder restart_folder(const std::string& launched_in,
                             const std::vector<std::string>& folders,
                             const std::function<bool(const std::string&)>& is_there) {
  std::set<std::string> elsewhere;
  std::set<std::string> below;
  bool some_stay = false;
  for (const std::string& folder : folders) {
    if (folder == launched_in) {
      some_stay = true;
    } else if (lies_below(folder, launched_in)) {
      below.insert(folder);
    } else {
      elsewhere.insert(folder);
    }
  }
  if (elsewhere.empty()) {
    return {};
  }
  if (elsewhere.size() > 1 || some_stay) {
    return none(elsewhere);
  }
  const std::string& only = *elsewhere.begin();
  for (const std::string& folder : below) {
    if (is_there(only + folder.substr(launched_in.size()))) {
      return none(elsewhere); // there they would be taken to
    }
  }
  return {only, ""};
}

} // namespace ckpt
