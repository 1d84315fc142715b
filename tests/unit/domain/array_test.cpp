#include "core/domain/array.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

TEST_CASE("index lists are read as sbatch reads them") {
  const auto indexes = [](const char* text) {
    const auto list = parse_indexes(text);
    REQUIRE_MESSAGE(list, text);
    return *list;
  };
  CHECK(indexes("7") == IndexList{{7}, {}});
  CHECK(indexes("1-3") == IndexList{{1, 2, 3}, {}});
  CHECK(indexes("0-7:3%2") == IndexList{{0, 3, 6}, 2});
  CHECK(indexes("5,1,3,3-4") == IndexList{{1, 3, 4, 5}, {}});
  CHECK(indexes("1-200%10").indexes.size() == 200);
  CHECK(indexes("1-200%10").at_once == 10);
  for (const char* wrong : {"",
                            "a",
                            "1-",
                            "-1",
                            "1--3",
                            "3-1",
                            "1,,2",
                            "1,",
                            "1-3:0",
                            "1-3:",
                            "1:2-3",
                            "1%0",
                            "1%",
                            "1%-2",
                            "%2",
                            "1-3%2%2",
                            " 1",
                            "1 ",
                            "1-3:2:2",
                            "0x1",
                            "+1",
                            "1e3",
                            "99999999999999999999"}) {
    CAPTURE(wrong);
    const auto list = parse_indexes(wrong);
    REQUIRE_FALSE(list);
    CHECK(list.error().cls == ErrorClass::usage);
    CHECK(list.error().code == "invalid_array");
  }
}

TEST_CASE("arrays that are too large are refused, however they are written") {
  const std::string most = std::to_string(kMostTasks);
  CHECK(parse_indexes("1-" + most));
  for (const std::string& text : std::vector<std::string>{
           "0-" + most, "1-4000000", "0-3999999:2", "1-" + most + ",4000-5000,7000-8000"}) {
    CAPTURE(text);
    const auto list = parse_indexes(text);
    REQUIRE_FALSE(list);
    CHECK(list.error().code == "array_too_large");
  }
}

TEST_CASE("what is written is read as the same") {
  CHECK(format_indexes({1, 2, 3, 7}, 10) == "1-3,7%10");
  CHECK(format_indexes({0, 2, 4}, {}) == "0,2,4");
  CHECK(format_indexes({5}, {}) == "5");
  for (const char* text : {"1-3,7%10", "0,2,4", "5", "1-200%1"}) {
    const auto list = parse_indexes(text);
    REQUIRE(list);
    CHECK(format_indexes(list->indexes, list->at_once) == text);
  }
}

TEST_CASE("what a task is told of its array is of the whole array") {
  const auto list = parse_indexes("3-9:3%2");
  REQUIRE(list);
  const auto tasks = tasks_of(*list, SubmissionToken{"aa"}, "sim");
  REQUIRE(tasks.size() == 3);
  CHECK(tasks[1].index == 6);
  for (const ArrayTask& task : tasks) {
    CHECK(task.count == 3);
    CHECK(task.min == 3);
    CHECK(task.max == 9);
    CHECK(task.step == 3);
    CHECK(task.at_once == 2);
    CHECK(task.name == "sim");
  }
}

TEST_CASE("ids and tokens of tasks") {
  CHECK(task_token({"T"}, 7).value == "T.7");
  CHECK(task_id({"24"}, 7).value == "24_7");
  const auto task = task_of_id({"24_7"});
  REQUIRE(task);
  CHECK(task->array.value == "24");
  CHECK(task->index == 7);
  for (const char* none : {"24", "24_", "_7", "24_[8-10%2]", "24_7x", "24_-7", "27+1", ""}) {
    CAPTURE(none);
    CHECK_FALSE(task_of_id({none}));
  }
}

TEST_CASE("tasks that Slurm shows in one line are told apart") {
  const auto ids = [](const char* text) {
    std::string all;
    for (const SchedulerJobId& id : expand_task_ids({text})) {
      all += id.value + " ";
    }
    return all;
  };
  CHECK(ids("24_[8-10,12%2]") == "24_8 24_9 24_10 24_12 ");
  CHECK(ids("24_[3]") == "24_3 ");
  CHECK(ids("24_7") == "24_7 ");
  CHECK(ids("24") == "24 ");
  CHECK(ids("24_[1-3,...]") == "24_[1-3,...] "); // cut short: nobody's
}
