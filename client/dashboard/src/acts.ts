import { get, send } from "./api/client";
import { putJob } from "./api/jobs";
import { onEvents } from "./api/live";
import { noteProblem } from "./api/session";
import type { Generation, Job } from "./api/types";
import { say } from "./notices";

// What a person can do to a job, and what is said about it.

const path = (job: Job, rest: string) => `/v1/jobs/${job.id}/${rest}`;

async function attempt(what: string, act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const problem = noteProblem(error);
    const missing = problem.code === "no_such_path" || problem.code === "method_not_allowed";
    say(missing ? `${what}: this daemon cannot do that yet.` : `${what}: ${problem.detail}`, {
      advice: missing ? "Install the daemon that belongs to this page, then `ckpt daemon restart`." : problem.advice,
      bad: true,
    });
    return false;
  }
}

/** Says when the generation is sealed, or has failed. */
function tellEnd(job: Job, generation: string): void {
  const stop = onEvents((events) => {
    const end = events.find((event) => event.job === job.id && event.generation === generation && /checkpoint_(sealed|failed|refused)/.test(event.type));
    if (end) {
      stop();
      const sealed = end.type === "checkpoint_sealed";
      say(sealed ? `${generation} of ${job.name || job.id} is sealed.` : `${generation}: ${end.message}`, { bad: !sealed });
    }
  });
}

export const checkpoint = (job: Job): Promise<boolean> =>
  attempt("Checkpoint", async () => {
    const generation = await send<Generation>("POST", path(job, "checkpoints"));
    if (generation?.state === "sealed") {
      say(`${generation.id} of ${job.name || job.id} is sealed.`);
    } else if (generation) {
      say(`Checkpoint ${generation.id} of ${job.name || job.id} is on its way.`);
      tellEnd(job, generation.id);
    }
  });

async function actOn(job: Job, rest: string, body: unknown, done: string): Promise<void> {
  const changed = await send<Job>("POST", path(job, rest), body);
  putJob(changed ?? (await get<Job>(`/v1/jobs/${job.id}`)));
  say(done);
}

export const stop = (job: Job): Promise<boolean> =>
  attempt("Stop", () => actOn(job, "stop", undefined, `${job.name || job.id} is being stopped: one checkpoint more, then it is parked.`));

export const cancel = (job: Job): Promise<boolean> =>
  attempt("Cancel", () => actOn(job, "cancel", undefined, `${job.name || job.id} is cancelled.`));

export const restart = (job: Job, generation: string | null): Promise<boolean> =>
  attempt("Restart", () =>
    actOn(job, "restart", generation ? { generation } : {}, `${job.name || job.id} is queued again${generation ? `, from ${generation}` : ""}.`),
  );

export const pin = (generation: Generation, pinned: boolean): Promise<boolean> =>
  attempt(pinned ? "Pin" : "Unpin", async () => {
    await send<Generation>("PATCH", `/v1/jobs/${generation.job}/generations/${generation.id}`, { pinned });
    say(pinned ? `${generation.id} is kept until you unpin it.` : `${generation.id} is no longer pinned.`);
  });
