#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace ckpt::test {

inline std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string slurm_data(const std::string& name) {
  return text_of(std::string(CKPT_TEST_DATA) + "/slurm/" + name);
}

} // namespace ckpt::test
