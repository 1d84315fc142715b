#pragma once

#include <string_view>

// Small libraries of our own, in C, that are preloaded into DMTCP's programs or into those that it
// carries. They are linked into ckpt-runner as bytes and written out where they are needed: the
// compute nodes have nothing of ours but that one file.

/// The bytes of `file` (a path that the build gives), as carried_NAME().
#define CKPT_CARRIED(name, file)                                                                   \
  asm(".pushsection .rodata\n"                                                                     \
      ".global ckpt_carried_" #name "_begin\n"                                                     \
      ".global ckpt_carried_" #name "_end\n"                                                       \
      "ckpt_carried_" #name "_begin:\n"                                                            \
      ".incbin \"" file "\"\n"                                                                     \
      "ckpt_carried_" #name "_end:\n"                                                              \
      ".popsection\n");                                                                            \
  extern "C" const char ckpt_carried_##name##_begin[];                                             \
  extern "C" const char ckpt_carried_##name##_end[];                                               \
  static std::string_view carried_##name() {                                                       \
    return {ckpt_carried_##name##_begin,                                                           \
            static_cast<std::size_t>(ckpt_carried_##name##_end - ckpt_carried_##name##_begin)};    \
  }
