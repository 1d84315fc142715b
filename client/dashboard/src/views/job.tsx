import { useEffect, useRef, useState } from "preact/hooks";
import type { Attempt, Event, Generation, Job, List } from "../api/types";
import { useNow, useResource } from "../hooks";
import { commandLine, text } from "../model/format";
import { isOver } from "../model/jobs";
import { Actions } from "./actions";
import { AttemptsTable } from "./attempts";
import { StateBadge } from "./badge";
import { RestartDialog } from "./dialogs";
import { EventsList } from "./events";
import { Facts } from "./facts";
import { GenerationsTable } from "./generations";
import { Icon } from "./icons";
import { overText } from "./jobs";
import { Output } from "./output";
import { Plots } from "./plots";
import { Prose } from "./prose";
import { Empty, Failure } from "./states";
import { TimelinePicture } from "./timeline";

export function JobPage({ id }: { id: string }) {
  const path = `/v1/jobs/${encodeURIComponent(id)}`;
  const real = useRef(id); // the address may name the job otherwise: by its name, or `last`
  const mine = (event: Event) => event.job === real.current;
  const job = useResource<Job>(path, mine);
  real.current = job.data?.id ?? id;
  const attempts = useResource<List<Attempt>>(`${path}/attempts`, mine);
  const generations = useResource<List<Generation>>(`${path}/generations`, mine);
  useEffect(() => {
    document.title = `${job.data?.name || id} · ckptd`;
  }, [job.data?.name, id]);

  if (!job.data) {
    return (
      <>
        <Back />
        {job.problem ? <Failure text={job.problem.detail} advice={job.problem.advice} /> : <Empty text="Reading the job…" />}
      </>
    );
  }
  return (
    <>
      <Back />
      {job.problem && <Failure text={job.problem.detail} advice={job.problem.advice} />}
      <Body
        job={job.data}
        attempts={attempts.data?.items ?? []}
        generations={generations.data?.items ?? []}
        onChange={() => {
          job.reload();
          attempts.reload();
          generations.reload();
        }}
      />
    </>
  );
}

function Back() {
  return (
    <a class="back" href="#/">
      <span aria-hidden="true">←</span> All jobs
    </a>
  );
}

interface BodyProps {
  job: Job;
  attempts: Attempt[];
  generations: Generation[];
  onChange: () => void;
}

function Body({ job, attempts, generations, onChange }: BodyProps) {
  const now = useNow();
  const [from, setFrom] = useState<Generation | null | undefined>(undefined); // undefined: nobody asks for a restart
  return (
    <>
      <div class="head job-head">
        <div class="job-title">
          <h1>{job.name || job.id}</h1>
          <div class="job-line">
            <StateBadge state={job.state} />
            <span class="mono muted">{job.id}</span>
            {(job.reason || isOver(job)) && (
              <span class="muted">
                <Prose text={job.reason || overText(job, now)} />
              </span>
            )}
          </div>
        </div>
        <Actions job={job} onRestart={() => setFrom(null)} onChange={onChange} />
      </div>
      <pre class="command" aria-label="Command">
        <span class="muted">{text(job.cwd)} $ </span>
        {commandLine(job.argv)}
      </pre>
      {job.warnings.map((warning) => (
        <div class="warning" key={warning.code}>
          <Icon name="warning" label="warning" size={18} />
          <div>
            <p class="strong">
              <Prose text={warning.message} />
            </p>
            <p>
              <Prose text={warning.advice} />
            </p>
          </div>
        </div>
      ))}
      <Facts job={job} now={now} />
      <section class="card" aria-labelledby="timeline-title">
        <h2 id="timeline-title">Timeline</h2>
        <TimelinePicture job={job} attempts={attempts} generations={generations} now={now} />
      </section>
      <div class="columns">
        <GenerationsTable job={job} generations={generations} now={now} onRestart={setFrom} onChange={onChange} />
        <Plots generations={generations} />
      </div>
      <Output key={job.id} job={job} />
      <AttemptsTable attempts={attempts} now={now} />
      <EventsList job={job.id} now={now} />
      {from !== undefined && <RestartDialog job={job} generations={generations} chosen={from} onClose={() => setFrom(undefined)} onChange={onChange} />}
    </>
  );
}
