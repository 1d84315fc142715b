import type { ComponentChildren } from "preact";
import type { Job, Policy } from "../api/types";
import { clock, duration, plural, relative, words } from "../model/format";
import { isOver, walltimeShare } from "../model/jobs";
import { due } from "./jobs";

const span = (value: number | "auto" | "off"): string => (typeof value === "number" ? duration(value) : value);

function policyText(policy: Policy): string {
  const every = policy.every_seconds === "off" ? "no interval" : `every ${span(policy.every_seconds)}`;
  return `${every}, lead ${span(policy.lead_seconds)}, keep ${policy.keep}, ${policy.compress === "none" ? "not compressed" : policy.compress}`;
}

export function Facts({ job, now }: { job: Job; now: number }) {
  const attempt = job.current_attempt && !job.current_attempt.ended_at && !isOver(job) ? job.current_attempt : null;
  const share = walltimeShare(job, now);
  const { run_seconds, lost_seconds, checkpoint_seconds, queue_seconds } = job.accounting;
  return (
    <dl class="facts card">
      <Fact name="Computed" value={duration(Math.floor(run_seconds))} note={`${plural(job.attempts_count, "attempt")}, ${plural(job.restarts_count, "restart")}`} />
      <Fact name="Lost" value={duration(Math.floor(lost_seconds))} note="computed again, or set aside" />
      <Fact name="Waited" value={duration(Math.floor(queue_seconds))} note="in the queue" />
      <Fact name="Stood still" value={duration(checkpoint_seconds)} note="while checkpoints were taken" />
      <Fact
        name="Next checkpoint"
        value={job.next_checkpoint_at ? due(job.next_checkpoint_at, now) : "–"}
        note={job.next_checkpoint_trigger ? words(job.next_checkpoint_trigger) : "none is planned"}
      />
      <Fact
        name="Allocation"
        value={attempt ? attempt.node || attempt.state : "none"}
        note={
          !attempt ? (
            "nothing of it runs"
          ) : share === null || !attempt.walltime_ends_at ? (
            `${attempt.scheduler_job_id}, no time limit`
          ) : (
            <span class="walltime" title={`until ${clock(attempt.walltime_ends_at, now)}`}>
              <span class="meter" aria-hidden="true">
                <span style={{ width: `${share * 100}%` }} />
              </span>
              ends {relative(attempt.walltime_ends_at, now)}
            </span>
          )
        }
      />
      <Fact name="Engine" value={job.engine ?? job.engine_wish} note={`on ${job.scheduler}`} />
      <Fact name="Policy" value={job.policy.at_walltime === "park" ? "park at walltime" : "go on at walltime"} note={policyText(job.policy)} />
    </dl>
  );
}

function Fact({ name, value, note }: { name: string; value: string; note: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>
        <span class="fact-value">{value}</span>
        <span class="fact-note">{note}</span>
      </dd>
    </div>
  );
}
