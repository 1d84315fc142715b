#include "core/base/files.hpp"
#include "core/engine/engine.hpp"
#include "tests/support/temp_dir.hpp"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/stat.h>

#include <cstring>

using namespace ckpt;
using namespace ckpt::engine;

namespace {

template <class T> void append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// The smallest file that says what we look at: a header and one program header.
template <class Header, class Program>
std::string elf_file(unsigned char elf_class, unsigned type) {
  Header header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Program);
  header.e_phnum = 1;
  Program program{};
  program.p_type = type;
  std::string bytes;
  append(bytes, header);
  append(bytes, program);
  return bytes;
}

struct Folder {
  test::TempDir dir;
  std::map<std::string, std::string> env{{"PATH", "/nowhere:" + dir.path().string()}};

  std::string file(const std::string& name, const std::string& content, mode_t mode = 0755) {
    REQUIRE(write_file_atomically(dir.path() / name, content, mode));
    return (dir.path() / name).string();
  }
  Result<ExecutableFacts> inspect(const std::string& name) {
    return inspect_executable(name, env, dir.path().string());
  }
};

const std::string kDynamic = elf_file<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, PT_INTERP);
const std::string kStatic = elf_file<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, PT_LOAD);

} // namespace

TEST_CASE("inspect: dynamic, static, 32 bits") {
  Folder folder;
  folder.file("dynamic", kDynamic);
  folder.file("static", kStatic);
  folder.file("small", elf_file<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32, PT_INTERP));
  const auto dynamic = folder.inspect("dynamic"); // by PATH
  REQUIRE(dynamic);
  CHECK(dynamic->elf);
  CHECK(dynamic->dynamic);
  CHECK(dynamic->bits == 64);
  CHECK(!dynamic->setuid);
  CHECK(dynamic->resolved == (folder.dir.path() / "dynamic").string());
  const auto fixed = folder.inspect("./static"); // by the working directory
  REQUIRE(fixed);
  CHECK(fixed->elf);
  CHECK(!fixed->dynamic);
  const auto small = folder.inspect("small");
  REQUIRE(small);
  CHECK(small->bits == 32);
  CHECK(small->dynamic);
}

TEST_CASE("inspect: scripts stand for their interpreter") {
  Folder folder;
  const std::string program = folder.file("dynamic", kDynamic);
  folder.file("script", "#!" + program + " -x\nrest\n");
  folder.file("twice", "#! " + (folder.dir.path() / "script").string() + "\n");
  folder.file("env", kStatic);
  folder.file("by-env", "#!" + (folder.dir.path() / "env").string() + " dynamic\n");
  folder.file("round", "#!" + (folder.dir.path() / "round").string() + "\n");
  folder.file("broken", "#!/no/such/interpreter\n");
  for (const char* name : {"script", "twice", "by-env"}) {
    CAPTURE(name);
    const auto facts = folder.inspect(name);
    REQUIRE(facts);
    CHECK(facts->resolved == program);
    CHECK(facts->dynamic);
  }
  CHECK(folder.inspect("round").error().code == "program_not_executable");
  CHECK(folder.inspect("broken").error().code == "program_not_found");
}

TEST_CASE("inspect: what is not there, not executable, no ELF, or cut off") {
  Folder folder;
  folder.file("plain", "hello\n", 0644);
  folder.file("text", "hello\n");
  folder.file("cut", kDynamic.substr(0, sizeof(Elf64_Ehdr) + 4));
  CHECK(folder.inspect("nothing").error().code == "program_not_found");
  CHECK(folder.inspect("").error().code == "program_not_found");
  CHECK(folder.inspect("./nothing").error().code == "program_not_found");
  CHECK(folder.inspect("./nothing").error().message ==
        "there is no program '" + (folder.dir.path() / "nothing").string() + "'");
  CHECK(folder.inspect(folder.dir.path().string()).error().code == "program_not_found");
  CHECK(folder.inspect("./plain").error().code == "program_not_executable");
  CHECK(folder.inspect("plain").error().code == "program_not_found"); // PATH skips it
  const auto text = folder.inspect("text");
  REQUIRE(text);
  CHECK(!text->elf);
  const auto cut = folder.inspect("cut");
  REQUIRE(cut);
  CHECK(cut->elf);
  CHECK(!cut->dynamic);
}

TEST_CASE("inspect: setuid") {
  Folder folder;
  const std::string path = folder.file("su", kDynamic);
  REQUIRE(::chmod(path.c_str(), 04755) == 0);
  const auto facts = folder.inspect("su");
  REQUIRE(facts);
  CHECK(facts->setuid);
}
