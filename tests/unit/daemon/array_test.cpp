#include "core/base/process.hpp"
#include "tests/unit/daemon/arrays.hpp"

// Job arrays: one submission, a job for each task, and no task ever taken for another one.

using namespace ckpt;
using namespace ckpt::daemon::test;

TEST_CASE("an array is one submission, and each of its tasks a job of its own") {
  World world;
  const auto jobs = submit_array(world, "1-3,7%2");
  REQUIRE(jobs.size() == 4);
  CHECK(world.scheduler.calls("submit") == 1);
  REQUIRE(world.scheduler.jobs.size() == 4);
  const auto& tasks = world.scheduler.jobs.begin()->second.submission.tasks;
  REQUIRE(tasks);
  CHECK(tasks->indexes == std::vector<std::int64_t>{1, 2, 3, 7});
  CHECK(tasks->at_once == 2);
  world.pass(seconds{10});
  CHECK(world.scheduler.calls("cancel") == 0); // siblings are no surplus
  CHECK(live_allocations(world).size() == 4);
  const auto view = world.view(jobs[3]);
  CHECK(view.name == "sim_7");
  REQUIRE(view.array);
  CHECK(view.array->id == jobs[0]);
  CHECK(view.array->index == 7);
  CHECK(view.tags.at("array") == jobs[0].str());
  REQUIRE(view.current_attempt);
  CHECK(view.current_attempt->scheduler_job_id.value == "101_7");
  CHECK(world.commands->resolve("101_7") == jobs[3]);
  const auto all = world.commands->resolve("101");
  REQUIRE_FALSE(all);
  CHECK(all.error().advice.find("--tag array=" + jobs[0].str()) != std::string::npos);
  const auto by_name = world.commands->resolve("sim");
  REQUIRE_FALSE(by_name);
  CHECK(by_name.error().code == "no_such_job");
  CHECK(by_name.error().advice.starts_with("an array of that name has the tasks " +
                                           world.view(jobs[0]).name +
                                           " …: `ckpt ls --all --tag array=" + jobs[0].str() + "`"));

  // The script finds the job of the task that it is started for.
  const auto script = read_file(world.scheduler.jobs.begin()->second.submission.script);
  REQUIRE(script);
  const Path link =
      world.scheduler.jobs.begin()->second.submission.script.parent_path() / "tasks" / "7";
  CHECK(std::filesystem::canonical(link) == world.folder(jobs[3]).path());
  CHECK(script->find("/tasks/\"$SLURM_ARRAY_TASK_ID\" --token ") != std::string::npos);
  const auto token = *scheduler::token_of(world.scheduler.job({"101_7"}).allocation);
  CHECK(std::filesystem::is_directory(world.folder(jobs[3]).submission_dir(token)));
}

TEST_CASE("the batch script of an array names the task's folder and token, whatever the path") {
  const TempFolder folder;
  const Path script = folder.path() / "batch.sh";
  const Path tasks = "/a store's/$HOME `x`/arrays/00ff/tasks";
  const std::string text =
      daemon::array_batch_script("/bin/echo", tasks, SubmissionToken{"00ff"}, {{"MINE", "it's"}});
  REQUIRE(write_file_atomically(script, text, 0700));
  Command command;
  command.argv = {"/bin/sh", script.string()};
  command.env = {{"SLURM_ARRAY_TASK_ID", "7"}, {"PATH", "/usr/bin:/bin"}};
  const auto said = run_command(command, {});
  REQUIRE(said);
  CHECK(said->out == "run --job " + tasks.string() + "/7 --token 00ff.7\n");
}

TEST_CASE("the limit of tasks at once holds, and each goes its own way") {
  World world;
  const auto jobs = submit_array(world, "1-4%2");
  world.pass(seconds{3});
  ScriptedRunner first = begin_task(world, jobs[0], {"101_1"});
  ScriptedRunner second = begin_task(world, jobs[1], {"101_2"});
  CHECK(world.scheduler.job({"101_3"}).allocation.state == AllocationState::pending);

  second.end(EndReason::completed, 0);
  world.scheduler.exit({"101_2"}, 0);
  world.pass(seconds{10});
  CHECK(world.state(jobs[1]) == JobState::completed);
  CHECK(world.state(jobs[0]) == JobState::running);
  CHECK(world.state(jobs[2]) == JobState::queued);

  // At its walltime one is requeued under its own id, in its array.
  first.seal(GenerationId{1}, Trigger::before_walltime);
  first.end(EndReason::walltime);
  world.scheduler.exit({"101_1"}, 85);
  world.pass(seconds{20});
  CHECK(world.scheduler.job({"101_1"}).allocation.restart_count == 1);
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.calls("cancel") == 0);

  // A person cancels one outside, and one here; the fourth does not hear of either.
  REQUIRE(world.scheduler.cancel({"101_3"}));
  REQUIRE(world.commands->cancel(jobs[0], {}));
  world.pass(minutes{2});
  CHECK(world.state(jobs[0]) == JobState::cancelled);
  CHECK(world.state(jobs[2]) == JobState::cancelled);
  CHECK(live_allocations(world) == std::vector<SchedulerJobId>{{"101_4"}});
  ScriptedRunner last = begin_task(world, jobs[3], {"101_4"});
  last.end(EndReason::completed, 0);
  world.scheduler.exit({"101_4"}, 0);
  world.pass(seconds{10});
  CHECK(world.state(jobs[3]) == JobState::completed);
  CHECK(world.scheduler.jobs.size() == 4);
}

TEST_CASE("a task of which nothing is shown was cancelled outside, unless it has begun") {
  World world;
  const auto jobs = submit_array(world, "1-3%2");
  world.pass(seconds{3});
  ScriptedRunner first = begin_task(world, jobs[0], {"101_1"});
  ScriptedRunner second = begin_task(world, jobs[1], {"101_2"});
  REQUIRE(world.scheduler.cancel({"101_3"}));
  REQUIRE_FALSE(world.scheduler.jobs.contains({"101_3"}));
  world.pass(minutes{2});
  CHECK(world.state(jobs[2]) == JobState::cancelled);
  CHECK(world.view(jobs[2]).reason.find("before it began") != std::string::npos);
  // The controller forgets one that ran, and there is no accounting: it goes on by itself.
  world.scheduler.accounting = false;
  second.seal(GenerationId{1}, Trigger::before_walltime);
  second.end(EndReason::walltime);
  world.scheduler.forget({"101_2"});
  world.pass(minutes{5});
  CHECK(world.state(jobs[1]) == JobState::queued);
  CHECK(world.scheduler.calls("submit") == 2);
  CHECK(world.scheduler.jobs.contains({"102"}));
  CHECK(world.state(jobs[0]) == JobState::running);
}

TEST_CASE("a task that is submitted again by itself leaves its array, and only it") {
  World world;
  const auto jobs = submit_array(world, "1-3");
  world.pass(seconds{3});
  ScriptedRunner runner = begin_task(world, jobs[1], {"101_2"});
  world.scheduler.job({"101_2"}).allocation.requeue_allowed = false;
  runner.seal(GenerationId{1}, Trigger::before_walltime);
  runner.end(EndReason::walltime);
  world.scheduler.exit({"101_2"}, 85);
  world.pass(seconds{20});
  CHECK(world.scheduler.calls("submit") == 2);
  const SchedulerJobId alone{"102"};
  REQUIRE(world.scheduler.jobs.contains(alone));
  CHECK_FALSE(world.scheduler.job(alone).submission.tasks);
  const auto view = world.view(jobs[1]);
  REQUIRE(view.warnings.size() == 1);
  CHECK(view.warnings.front().code == "left_array");
  CHECK(world.view(jobs[0]).warnings.empty());
  CHECK(world.scheduler.calls("cancel") == 0);
  CHECK(live_allocations(world).size() == 3);
}

TEST_CASE("of a submission without an answer each task is looked for by itself") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::lose_answer);
  const auto jobs = submit_array(world, "1-3%1");
  CHECK(world.scheduler.jobs.size() == 3);
  world.pass(seconds{20});
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.calls("cancel") == 0);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    CHECK(world.view(jobs[i]).current_attempt->scheduler_job_id.value ==
          "101_" + std::to_string(i + 1));
  }
}

TEST_CASE("a submission that was lost is made again, of all at once") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::lose_request);
  const auto jobs = submit_array(world, "1-3%1");
  CHECK(world.scheduler.jobs.empty());
  world.pass(minutes{10});
  CHECK(world.scheduler.calls("submit") == 2);
  CHECK(world.scheduler.jobs.size() == 3);
  CHECK(world.scheduler.jobs.begin()->second.submission.tasks->at_once == 1);
  CHECK(world.view(jobs[2]).current_attempt->scheduler_job_id.value == "101_3");
}

TEST_CASE("a scheduler that is down is asked again, for all that are still wished for") {
  World world;
  world.scheduler.controller_up = false;
  const auto jobs = submit_array(world, "1-4");
  world.pass(seconds{30});
  CHECK(world.scheduler.jobs.empty());
  REQUIRE(world.commands->cancel(jobs[1], {}));
  REQUIRE(world.commands->hold(jobs[2], true, {}));
  world.scheduler.controller_up = true;
  world.pass(minutes{3});
  CHECK(world.state(jobs[1]) == JobState::cancelled);
  CHECK_FALSE(world.scheduler.jobs.contains({"101_2"}));
  CHECK(world.scheduler.jobs.contains({"101_1"}));
  CHECK(world.scheduler.jobs.contains({"101_4"}));
}

TEST_CASE("what the scheduler refuses is refused for every task") {
  World world;
  world.scheduler.fault("submit", FakeScheduler::Fault::refuse);
  const auto of = try_array(world, "1-3");
  REQUIRE(of);
  CHECK(world.scheduler.calls("submit") == 1);
  const auto array = world.commands->array_view(*of);
  REQUIRE(array);
  for (const api::JobView& job : array->items) {
    CHECK(job.state == JobState::failed);
  }
}

TEST_CASE("what cannot be an array is refused before anything is there") {
  World world;
  const auto code = [&](const api::ArrayRequest& request) {
    const auto plan = world.commands->plan_array(request);
    REQUIRE_FALSE(plan);
    return plan.error().code;
  };
  api::ArrayRequest request{world.request("sim"), "1-3"};
  request.indexes = "3-1";
  CHECK(code(request) == "invalid_array");
  request.indexes = "1-100000";
  CHECK(code(request) == "array_too_large");
  request.indexes = "1-3";
  request.job.spec.stdout_path = "out.txt";
  CHECK(code(request) == "output_shared");
  request.job.spec.stdout_path = "100%%a-%x.txt";
  CHECK(code(request) == "output_shared");
  request.job.spec.stdout_path = "out-%4a.txt";
  request.job.spec.stderr_path = "errors";
  CHECK(code(request) == "output_shared");
  request.job.spec.stderr_path.clear();
  request.job.policy.ckpt_files = {"state.%a", "*.h5"};
  CHECK(code(request) == "files_shared_by_tasks");
  request.job.policy.ckpt_files.clear();
  request.job.policy.append_files = {"log"};
  CHECK(code(request) == "files_shared_by_tasks");
  request.job.policy.append_files.clear();
  request.job.policy.tags = {{"array", "mine"}};
  CHECK(code(request) == "tag_taken");
  request.job.policy.tags.clear();
  request.job.spec.sbatch_args = {"--array=1-3"};
  CHECK(code(request) == "array_twice");
  request.job.spec.sbatch_args.clear();
  world.scheduler.scheduler_kind = SchedulerKind::local;
  CHECK(code(request) == "array_needs_slurm");
  world.scheduler.scheduler_kind = SchedulerKind::slurm;
  const JobId other = world.submit("sim_2");
  CHECK(code(request) == "name_taken");
  CHECK(arrays_in(world, other) == 0);
  CHECK(world.commands->all_jobs()->size() == 1);
}

TEST_CASE("the same key gives the same array, also behind a rebuild") {
  World world;
  const auto jobs = submit_array(world, "1-3", kKey);
  CHECK(submit_array(world, "1-3", kKey) == jobs);
  const auto other = try_array(world, "1-4", kKey);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == "idempotency_conflict");
  world.start_daemon(true);
  CHECK(submit_array(world, "1-3", kKey) == jobs);
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.view(jobs[2]).array->index == 3);
  world.pass(minutes{5});
  CHECK(world.scheduler.calls("submit") == 1);
  CHECK(world.scheduler.calls("cancel") == 0);
}

TEST_CASE("an array that was dropped leaves nothing") {
  World world;
  auto plan = world.commands->plan_array({world.request("sim"), "1-3"});
  REQUIRE(plan);
  REQUIRE(world.commands->make_tasks(*plan, 2));
  const JobId first = plan->made.front();
  CHECK(arrays_in(world, first) == 1);
  world.commands->drop_array(*plan);
  CHECK(arrays_in(world, first) == 0);
  CHECK_FALSE(std::filesystem::exists(world.folder(first).path()));
}

TEST_CASE("each task has its own files to be saved") {
  World world;
  api::ArrayRequest request{world.request("sim"), "3,8"};
  request.job.policy.ckpt_files = {"state.%a.*", "run_%a/%a"};
  request.job.policy.append_files = {"log.%a"};
  auto plan = world.commands->plan_array(request);
  REQUIRE(plan);
  REQUIRE(world.commands->make_tasks(*plan, 9));
  REQUIRE(world.commands->accept_array(*plan));
  for (const auto& [job, index] : {std::pair{plan->made[0], "3"}, {plan->made[1], "8"}}) {
    const std::string i = index;
    const Policy policy = world.view(job).policy;
    CHECK(policy.ckpt_files == std::vector<std::string>{"state." + i + ".*", "run_" + i + "/" + i});
    CHECK(policy.append_files == std::vector<std::string>{"log." + i});
    CHECK(*world.folder(job).read_policy() == policy);
  }
}

TEST_CASE("the folder of an array goes with the last of its jobs") {
  World world;
  const auto jobs = submit_array(world, "1-2");
  const auto spec = world.folder(jobs[0]).read_spec();
  REQUIRE(spec);
  const store::ArrayFolder folder(world.folder(jobs[0]).store_root(), spec->array->token);
  REQUIRE(folder.forget_task(1));
  CHECK(std::filesystem::exists(folder.batch_script()));
  REQUIRE(folder.forget_task(1));
  REQUIRE(folder.forget_task(2));
  CHECK_FALSE(std::filesystem::exists(folder.path()));
  REQUIRE(folder.forget_task(2));
}

TEST_CASE(
    "what a removal left of an array's folder goes at the next start, and nothing else does") {
  World world;
  const auto kept = submit_array(world, "1-2");
  api::ArrayRequest request{world.request("other"), "1-2"};
  auto plan = world.commands->plan_array(request);
  REQUIRE(plan);
  REQUIRE(world.commands->make_tasks(*plan, 2));
  REQUIRE(world.commands->accept_array(*plan));
  CHECK(arrays_in(world, kept[0]) == 2);
  for (const JobId id : plan->made) {
    REQUIRE(world.commands->cancel(id, {}));
  }
  world.pass(minutes{2});
  for (const JobId id : plan->made) { // a death before the links went
    std::filesystem::remove(world.folder(id).path() / "spec.json");
  }
  world.start_daemon(true);
  CHECK(arrays_in(world, kept[0]) == 1);
  const auto spec = world.folder(kept[0]).read_spec();
  REQUIRE(spec);
  CHECK(std::filesystem::exists(
      store::ArrayFolder(world.folder(kept[0]).store_root(), spec->array->token).tasks() / "2"));
}
