#include "core/base/strings.hpp"
#include "core/scheduler/dependency.hpp"
#include "core/scheduler/mail.hpp"

#include <doctest/doctest.h>

using namespace ckpt;
using namespace ckpt::scheduler;

namespace {

using Answer = Result<std::optional<std::string>>;

/// 101 is 202 now, 9 is fulfilled, and nothing can be said of 13.
Answer change(const std::string&, const std::string& job) {
  if (job == "13") {
    return fail(ErrorClass::conflict, "unlucky", "13");
  }
  return job == "9" ? Answer(std::nullopt) : Answer(job == "101" ? "202" : job);
}

std::string changed(const std::string& dependency) {
  const auto answer = change_dependency(dependency, change);
  return answer ? *answer : "error " + answer.error().code;
}

} // namespace

TEST_CASE("a dependency is changed job by job, as sbatch writes it and as squeue shows it") {
  CHECK(changed("afterok:101") == "afterok:202");
  CHECK(changed("afterok:101:7,afterany:8") == "afterok:202:7,afterany:8");
  CHECK(changed("afterok:101(unfulfilled),afterany:24_1(failed)") == "afterok:202,afterany:24_1");
  CHECK(changed("after:101+5") == "after:202+5");
  CHECK(changed("singleton") == "singleton");
  CHECK(changed("singleton(unfulfilled),afterok:9") == "singleton");
  CHECK(changed("afterok:j-7") == "afterok:j-7");
}

TEST_CASE("what is fulfilled is waited for no more; of alternatives one is enough") {
  CHECK(changed("afterok:9") == "");
  CHECK(changed("afterok:9:101") == "afterok:202");
  CHECK(changed("afterok:9,afterany:8") == "afterany:8");
  CHECK(changed("afterok:101?afterany:8") == "afterok:202?afterany:8");
  CHECK(changed("afterok:9?afterany:8") == "");
}

TEST_CASE("what cannot be said, and what is none") {
  CHECK(changed("afterok:101:13") == "error unlucky");
  CHECK(changed("") == "error bad_dependency");
  CHECK(changed("afterok:") == "error bad_dependency");
  CHECK(changed(":101") == "error bad_dependency");
  CHECK(jobs_of_dependency("afterok:101(failed),after:7+5") ==
        std::vector<std::string>{"101", "7"});
}

TEST_CASE("among sbatch's options, however it is written; the last one counts") {
  const auto words = [](const std::vector<std::string>& args) {
    const auto answer = change_dependency_option(args, change);
    return answer ? join(*answer, " ") : answer.error().code;
  };
  CHECK(words({"-p", "debug", "-d", "afterok:101", "-c4"}) ==
        "-p debug -c4 --dependency=afterok:202");
  CHECK(words({"--depend=afterok:7", "--dependency=afterok:101"}) == "--dependency=afterok:202");
  CHECK(words({"-dafterok:9", "-c4"}) == "-c4");
  CHECK(words({"-c4"}) == "-c4");
  CHECK(words({"-c4", "nonsense"}) == "-c4 nonsense");
  CHECK(join(args_of_later_start({"-c4", "-d", "singleton", "-H", "--begin=now+1hour"}), " ") ==
        "-c4");
}

TEST_CASE("what sbatch's options say of mail") {
  const auto wish = [](const std::vector<std::string>& args) {
    const auto read = mail_wish(args);
    REQUIRE(read);
    return std::string(read->begin ? "begin " : "") + (read->end ? "end " : "") +
           (read->fail ? "fail " : "") + read->user;
  };
  CHECK(wish({}) == "");
  CHECK(wish({"--mail-type=ALL", "--mail-user", "a@b"}) == "begin end fail a@b");
  CHECK(wish({"--mail-type=begin,End"}) == "begin end ");
  CHECK(wish({"--mail-type=BEGIN", "--mail-type=FAIL"}) == "begin fail ");
  CHECK(wish({"--mail-type=ALL", "--mail-type=NONE"}) == "");
  CHECK(wish({"--mail-type=REQUEUE,TIME_LIMIT_90,STAGE_OUT"}) == "");
  CHECK(mail_wish({"--mail-type=NEVER"}).error().code == "bad_mail_type");
  CHECK(mail_wish({"--mail-type=END", "--mail-user=a b"}).error().code == "bad_mail_user");
  CHECK(mail_wish({"--mail-type=END", "--mail-user=-f/etc/passwd"}).error().code ==
        "bad_mail_user");
  CHECK(mail_wish({"no option", "--mail-type=NEVER"}) == MailWish{}); // sbatch says so itself
}
