// Prints a manual page; for the build.
#include <cstdio>
#include <string>

#include "docs/man/pages.hpp"

int main(int argc, char** argv) {
  const std::string page = argc == 3 ? argv[1] : "";
  const std::string date = argc == 3 ? argv[2] : "";
  const std::string text = page == "ckpt.1"         ? ckpt::man::ckpt_page(date)
                           : page == "ckptd.8"      ? ckpt::man::ckptd_page(date)
                           : page == "ckptd.toml.5" ? ckpt::man::ckptd_toml_page(date)
                                                    : "";
  if (text.empty()) {
    (void)std::fputs("usage: manual ckpt.1|ckptd.8|ckptd.toml.5 YYYY-MM-DD\n", stderr);
    return 2;
  }
  return std::fputs(text.c_str(), stdout) < 0 ? 1 : 0;
}
