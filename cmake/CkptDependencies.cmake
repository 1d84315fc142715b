# Everything comes from the distribution (Debian 12): one INTERFACE target for each library, so that the
# folders name what they use and nothing else.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(SQLiteCpp REQUIRED)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

# The runner is linked against nothing but libc (a compute node need not have our libraries), so whatever core
# uses is linked statically: zstd and xxhash by archive, fmt and spdlog as headers.
find_library(ZSTD_STATIC libzstd.a REQUIRED)
find_library(XXHASH_STATIC libxxhash.a REQUIRED)
find_path(FMT_INCLUDE fmt/core.h REQUIRED)
find_path(TL_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
