#include "client/array.hpp"
#include "client/batch_options.hpp"
#include "client/batch_script.hpp"
#include "client/commands/commands.hpp"
#include "client/engines_here.hpp"
#include "client/follow.hpp"
#include "client/job_options.hpp"
#include "client/sbatch_options.hpp"
#include "client/selection.hpp"
#include "core/base/strings.hpp"

// A batch script as it is. Standard output has what sbatch prints and nothing else; all that is
// ours goes to standard error.

namespace ckpt::client {
namespace {

// sbatch itself takes a minute when the controller is busy; then the daemon tries again.
constexpr seconds kPatience{60};

struct Options {
  std::vector<std::string> argv;
  SpecOptions spec;
  PolicyOptions policy;
  std::vector<std::string> sbatch_args;
};

Result<api::SubmitRequest>
make_request(Session& session, const Options& options, const BatchScript& batch) {
  SpecOptions spec = options.spec;
  if (const Status taken = take_over(spec, batch.options); !taken) {
    return tl::unexpected(taken.error());
  }
  spec.chdir = wish_for(batch.options, "chdir");
  std::vector<std::string> argv{batch.name};
  argv.insert(argv.end(), batch.args.begin(), batch.args.end());
  auto request = make_submit_request(
      session, spec, options.policy, std::move(argv), remaining_options(session, batch.options));
  if (!request) {
    return request;
  }
  const auto here = current_folder(session);
  if (!here) {
    return tl::unexpected(here.error());
  }
  export_as_wished(request->spec, batch.options, options.spec.env);
  request->spec.env["SLURM_SUBMIT_DIR"] = *here;
  request->script = batch.text;
  return request;
}

/// Until Slurm has given it a number.
Result<api::JobView> with_number(Session& session, const api::JobView& job) {
  auto settled = wait_for_number(session, job, kPatience);
  const std::string id = job.id.str();
  if (!settled && settled.error().cls == ErrorClass::timed_out) {
    const auto daemon = session.daemon();
    const auto now = daemon ? (*daemon)->job(id) : tl::unexpected(daemon.error());
    return fail(ErrorClass::timed_out,
                "no_number_yet",
                "Slurm has given " + id + " no number yet" +
                    (!now || now->reason.empty() ? "" : ": " + now->reason),
                "It is submitted as soon as Slurm answers: `ckpt show " + id +
                    "`. Do not submit it again.");
  }
  if (settled &&
      (!settled->current_attempt || settled->current_attempt->scheduler_job_id.empty())) {
    return fail(ErrorClass::unusable,
                "sbatch_refused",
                id + " was not submitted: " + settled->reason,
                "`ckpt why " + id + "` tells more.");
  }
  return settled;
}

/// What sbatch prints, and nothing else.
void print_number(Session& session, const BatchScript& batch, const std::string& number) {
  const std::string line =
      wish_for(batch.options, "parsable") ? number : "Submitted batch job " + number;
  (void)std::fprintf(session.raw_out(), "%s\n", line.c_str());
  (void)std::fflush(session.raw_out());
}

/// sbatch takes a name any number of times; then the name alone means none of those jobs.
void mention_namesakes(Session& session, const BatchScript& batch, const api::JobView& job) {
  if (wish_for(batch.options, "parsable") || wish_for(batch.options, "quiet")) {
    return;
  }
  const auto daemon = session.daemon();
  const auto by_name = daemon ? (*daemon)->job(job.name) : tl::unexpected(daemon.error());
  if (by_name || by_name.error().code != "ambiguous_job") {
    return;
  }
  api::JobFilter filter;
  filter.states = kUnfinished;
  constexpr int kPage = 1000;
  filter.limit = kPage;
  const auto jobs = (*daemon)->all_jobs(filter);
  std::vector<std::string> others;
  for (const api::JobView& other : jobs ? *jobs : std::vector<api::JobView>{}) {
    if (other.name == job.name && other.id != job.id) {
      others.push_back(other.id.str());
    }
  }
  if (!others.empty()) {
    session.say(join(others, ", ") + (others.size() == 1 ? " has" : " have") + " the name '" +
                job.name + "' too: use the ids");
  }
}

int sbatch_array(Session& session,
                 const BatchScript& batch,
                 const api::SubmitRequest& request,
                 const std::string& indexes) {
  auto array = submit_array(session, {request, indexes}, kPatience);
  if (!array || array->items.empty()) {
    return array ? 1 : session.fail(array.error());
  }
  const std::string number = number_of(*array);
  if (number.empty()) {
    auto settled = with_number(session, array->items.front());
    return session.fail(settled ? Error{ErrorClass::timed_out,
                                        Outcome::unknown,
                                        "no_number_yet",
                                        "the array " + array->id.str() + " has no number yet",
                                        "`ckpt ls --tag array=" + array->id.str() + "`"}
                                : settled.error());
  }
  if (session.json()) {
    session.out().submitted(*array);
  } else {
    print_number(session, batch, number);
  }
  session.say(text_of_submitted(*array));
  say_warnings(session, array->items.front());
  mention_engine(session, request.spec, SchedulerKind::slurm);
  return wish_for(batch.options, "wait") ? wait_for_end(session, *array) : 0;
}

int sbatch(Session& session, const Options& options) {
  const auto batch = read_batch_script(session, options.argv, options.sbatch_args);
  if (!batch) {
    return session.fail(batch.error());
  }
  const script::Subject subject{
      batch->text, batch->name, batch->options, batch->het_lines, batch->pbs_lines};
  if (const Status fine = look_at(session, subject); !fine) {
    return session.fail(fine.error());
  }
  const auto request = make_request(session, options, *batch);
  if (!request) {
    return session.fail(request.error());
  }
  const auto daemon = session.daemon();
  if (!daemon) {
    return session.fail(daemon.error());
  }
  if (const auto indexes = wish_for(batch->options, "array")) {
    return sbatch_array(session, *batch, *request, *indexes);
  }
  auto job = (*daemon)->submit(*request);
  if (job) {
    job = with_number(session, *job);
  }
  if (!job) {
    return session.fail(job.error());
  }
  const std::string number = job->current_attempt->scheduler_job_id.value;
  if (session.json()) {
    session.out().submitted(*job);
  } else {
    print_number(session, *batch, number);
  }
  session.say("it is " + job->id.str() + " for its whole life; `ckpt show " + job->id.str() +
              "` shows it");
  mention_namesakes(session, *batch, *job);
  say_warnings(session, *job);
  mention_engine(session, request->spec, SchedulerKind::slurm);
  return wish_for(batch->options, "wait") ? wait_for_end(session, *job) : 0;
}

} // namespace

void add_sbatch(Cli& cli) {
  auto options = std::make_shared<Options>();
  Verb verb = cli.verb("sbatch", "A batch script as it is, in sbatch's place");
  verb.script(options->argv);
  add_all_sbatch_options(verb, options->sbatch_args);
  verb.group("Job");
  add_own_spec_options(verb, options->spec);
  add_policy_options(verb, options->policy);
  verb.footer(
      "The script is read from standard input when none is named. Its #SBATCH lines count, "
      "below\nSBATCH_* variables and options. Standard output is sbatch's: `Submitted batch "
      "job N`.\nExample: ckpt sbatch --every 20m job.sh input.dat");
  verb.runs([options](Session& session) { return sbatch(session, *options); });
}

} // namespace ckpt::client
