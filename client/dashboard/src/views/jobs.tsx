import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { useJobs, useNow } from "../hooks";
import { bytes, clock, duration, plural, relative } from "../model/format";
import { counts, inFilter, isOver, kFilters, matches, ordered, walltimeShare, type Filter } from "../model/jobs";
import { jobLink } from "../router";
import { StateBadge } from "./badge";
import { Icon } from "./icons";
import { Prose } from "./prose";
import { Empty, Failure } from "./states";

const kPage = 100; // rows at first; more on demand

// Kept while another page is shown: who comes back finds the list as it was.
let kept: { filter: Filter; search: string } = { filter: "all", search: "" };

export function JobsPage() {
  const { jobs, loaded, failed } = useJobs();
  const now = useNow();
  const [filter, setFilter] = useState<Filter>(kept.filter);
  const [search, setSearch] = useState(kept.search);
  const [shown, setShown] = useState(kPage);
  const field = useSearchKey();
  useEffect(() => {
    document.title = "Jobs · ckptd";
  }, []);
  kept = { filter, search };

  const found = jobs.filter((job) => matches(job, search));
  const numbers = counts(found);
  const rows = ordered(found.filter((job) => inFilter(job, filter)));
  return (
    <>
      <div class="head">
        <h1>Jobs</h1>
        <div class="search">
          <Icon name="search" />
          <input
            ref={field}
            type="search"
            class="input"
            placeholder="Name, id, node, command, tag"
            aria-label="Search jobs"
            aria-keyshortcuts="/"
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <kbd aria-hidden="true">/</kbd>
        </div>
      </div>
      <fieldset class="filters">
        <legend class="hidden">Show jobs that are</legend>
        {kFilters.map((one) => (
          <label key={one} class={`chip ${one === filter ? "chip-on" : ""}`}>
            <input class="hidden" type="radio" name="filter" checked={one === filter} onChange={() => setFilter(one)} />
            {one} <span class="chip-count">{numbers[one]}</span>
          </label>
        ))}
      </fieldset>
      <p class="hidden" role="status">
        {loaded ? `${plural(rows.length, "job")} shown` : ""}
      </p>
      {failed && <Failure text={failed} />}
      {!loaded && !failed && <Empty text="Reading the jobs…" />}
      {loaded && rows.length === 0 && <NoRows none={jobs.length === 0} />}
      {rows.length > 0 && <JobsTable jobs={rows.slice(0, shown)} now={now} />}
      {rows.length > shown && (
        <button class="button center" onClick={() => setShown(shown + kPage)}>
          Show {Math.min(kPage, rows.length - shown)} more of {rows.length}
        </button>
      )}
    </>
  );
}

/** `/` goes to the search field, as in many a tool. */
function useSearchKey() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const writing = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName);
      if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return field;
}

function NoRows({ none }: { none: boolean }) {
  return none ? (
    <Empty text="No jobs yet.">
      Submit the first: <code>ckpt submit --time 24:00:00 -- ./simulate input.dat</code>
    </Empty>
  ) : (
    <Empty text="No job is like that.">Change the filter or the search.</Empty>
  );
}

// The roles are said because a phone's layout takes the table's display, and with it the semantics, away.
function JobsTable({ jobs, now }: { jobs: Job[]; now: number }) {
  return (
    <div class="card flush">
      <table class="jobs" role="table" aria-label="Jobs">
        <thead role="rowgroup">
          <tr role="row">
            {["Job", "State", "Allocation", "Last checkpoint", "Next", "Computed"].map((title) => (
              <th key={title} role="columnheader" scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {jobs.map((job) => (
            <Row key={job.id} job={job} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ job, now }: { job: Job; now: number }) {
  const tags = Object.entries(job.tags);
  const latest = job.latest_generation;
  return (
    <tr role="row">
      <th role="rowheader" scope="row" class="cell-job">
        <a class="row-link" href={jobLink(job.id)}>
          {job.name || job.id}
        </a>
        <div class="sub">
          <span class="mono">{job.id}</span>
          {tags.map(([key, value]) => (
            <span class="tag" key={key}>
              {key}={value}
            </span>
          ))}
          {job.warnings.length > 0 && (
            <span class="warn">
              <Icon name="warning" size={13} /> {plural(job.warnings.length, "warning")}
            </span>
          )}
        </div>
      </th>
      <td role="cell" class="cell-state">
        <StateBadge state={job.state} />
        <div class="sub clip" title={job.reason}>
          <Prose text={isOver(job) ? overText(job, now) : job.reason} />
        </div>
      </td>
      <td role="cell" class="cell-place" data-label="Allocation">
        <Place job={job} now={now} />
      </td>
      <td role="cell" data-label="Last checkpoint" class="cell-last">
        {latest?.sealed_at ? (
          <>
            <span class="num">{relative(latest.sealed_at, now)}</span>
            <div class="sub">
              <span class="mono">{latest.id}</span> {bytes(latest.stored_bytes ?? latest.bytes)}
            </div>
          </>
        ) : (
          <span class="muted none">none</span>
        )}
      </td>
      <td role="cell" data-label="Next" class="cell-next">
        {job.next_checkpoint_at ? (
          <>
            <span class="num">{due(job.next_checkpoint_at, now)}</span>
            <div class="sub">{job.next_checkpoint_trigger?.replaceAll("_", " ")}</div>
          </>
        ) : (
          <span class="muted none">–</span>
        )}
      </td>
      <td role="cell" data-label="Computed" class="cell-run">
        <span class="num">{duration(Math.floor(job.accounting.run_seconds))}</span>
        <div class="sub">{job.restarts_count > 0 ? plural(job.restarts_count, "restart") : ""}</div>
      </td>
    </tr>
  );
}

/** One that is due may be a second late: it is not "2 s ago" then. */
export const due = (time: string, now: number): string => (Date.parse(time) <= now + 1000 ? "now" : relative(time, now));

export function overText(job: Job, now: number): string {
  const how = job.signal !== null ? `signal ${job.signal}` : job.exit_code !== null && job.exit_code !== 0 ? `status ${job.exit_code}` : "";
  return [how, job.ended_at ? clock(job.ended_at, now) : ""].filter(Boolean).join(", ");
}

function Place({ job, now }: { job: Job; now: number }) {
  const attempt = job.current_attempt;
  if (!attempt || attempt.ended_at || isOver(job)) {
    return <span class="muted none">–</span>;
  }
  const share = walltimeShare(job, now);
  const left = attempt.walltime_ends_at ? Math.max(0, Math.floor((Date.parse(attempt.walltime_ends_at) - now) / 1000)) : 0;
  return (
    <>
      <span>{attempt.node || attempt.state}</span> <span class="muted mono">{attempt.scheduler_job_id}</span>
      {share === null ? (
        <div class="sub">{attempt.started_at ? `attempt ${attempt.n}, no limit` : `attempt ${attempt.n}, waiting`}</div>
      ) : (
        <div class="sub walltime">
          <span class="meter" aria-hidden="true">
            <span style={{ width: `${share * 100}%` }} />
          </span>
          {duration(left)} left
        </div>
      )}
    </>
  );
}
