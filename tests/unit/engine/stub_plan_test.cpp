#include "core/engine/stub.hpp"

#include <doctest/doctest.h>

using namespace ckpt::engine;

namespace {

StubPlan full_plan() {
  StubPlan plan;
  plan.argv = {"prog", "", "two\nlines", "100%", "tab\there", "=x"};
  plan.env = {{"A", "1"}, {"EMPTY", ""}, {"FUNC%%", "() {\n  :\n}"}, {"BYTES", "\xff\xfe\r"}};
  plan.cwd = "/a folder\n/b";
  plan.umask = 077;
  plan.stdin_path = "/in";
  plan.stdout_path = "/out";
  plan.stderr_path = "/err";
  plan.new_session = false;
  plan.ignore_term = true;
  plan.ignore_pipe = true;
  plan.death_signal = 9;
  plan.parent_pid = 4711;
  plan.no_aslr = true;
  plan.inherit_fd = 7;
  plan.inherit_as = 821;
  return plan;
}

} // namespace

TEST_CASE("stub: a plan is read as it was written, whatever bytes are in it") {
  const StubPlan plan = full_plan();
  const auto read = decode_stub_plan(encode_stub_plan(plan));
  REQUIRE(read);
  CHECK(read->argv == plan.argv);
  CHECK(read->env == plan.env);
  CHECK(read->cwd == plan.cwd);
  CHECK(read->umask == plan.umask);
  CHECK(read->stdin_path == plan.stdin_path);
  CHECK(read->stdout_path == plan.stdout_path);
  CHECK(read->stderr_path == plan.stderr_path);
  CHECK(read->new_session == plan.new_session);
  CHECK(read->ignore_term == plan.ignore_term);
  CHECK(read->ignore_pipe == plan.ignore_pipe);
  CHECK(read->death_signal == plan.death_signal);
  CHECK(read->parent_pid == plan.parent_pid);
  CHECK(read->no_aslr == plan.no_aslr);
  CHECK(read->inherit_fd == plan.inherit_fd);
  CHECK(read->inherit_as == plan.inherit_as);
}

TEST_CASE("stub: a damaged plan starts nothing") {
  const std::string good = encode_stub_plan(full_plan());
  CHECK(!decode_stub_plan(""));
  CHECK(!decode_stub_plan("something else\n" + good));
  for (std::size_t length = 0; length + 1 < good.size(); ++length) {
    CAPTURE(length);
    CHECK(!decode_stub_plan(good.substr(0, length)));
  }
  CHECK(!decode_stub_plan("ckpt-stub 1\nend=\n")); // no program
  CHECK(!decode_stub_plan("ckpt-stub 1\nargv=a\nunknown=1\nend=\n"));
  CHECK(!decode_stub_plan("ckpt-stub 1\nargv=a\numask=zwei\nend=\n"));
  CHECK(!decode_stub_plan("ckpt-stub 1\nargv=a\nnew_session=2\nend=\n"));
  CHECK(!decode_stub_plan("ckpt-stub 1\nargv=a%4\nend=\n"));
  CHECK(!decode_stub_plan("ckpt-stub 1\nargv=a\nenv=NOEQUALS\nend=\n"));
}
