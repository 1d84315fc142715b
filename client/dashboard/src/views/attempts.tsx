import { useState } from "preact/hooks";
import type { Attempt } from "../api/types";
import { clock, duration, words } from "../model/format";
import { Word } from "./badge";
import { Prose } from "./prose";

const kFew = 6;
const kGoodEnds = new Set(["completed", "stopped", "walltime", "requeued", "preempted"]);

export function attemptTone(attempt: Attempt): "good" | "bad" | "busy" | "off" {
  if (!attempt.end_reason) {
    return "busy";
  }
  if (attempt.end_reason === "cancelled") {
    return "off";
  }
  return kGoodEnds.has(attempt.end_reason) ? "good" : "bad";
}

export const attemptWord = (attempt: Attempt): string => words(attempt.end_reason ?? attempt.state);

export function runSeconds(attempt: Attempt, now: number): number | null {
  return attempt.started_at ? (Date.parse(attempt.ended_at ?? new Date(now).toISOString()) - Date.parse(attempt.started_at)) / 1000 : null;
}

export function AttemptsTable({ attempts, now }: { attempts: Attempt[]; now: number }) {
  const [more, setMore] = useState(false);
  const rows = [...attempts].reverse();
  return (
    <section class="card" aria-labelledby="attempts-title">
      <h2 id="attempts-title">Attempts</h2>
      {rows.length === 0 ? (
        <p class="muted">None yet.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-label="Attempts, a table">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Attempt</th>
                <th scope="col">State</th>
                <th scope="col">Node</th>
                <th scope="col">From</th>
                <th scope="col">Started</th>
                <th scope="col" class="right">
                  Ran
                </th>
                <th scope="col">Why it ended</th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, more ? rows.length : kFew).map((one) => {
                const ran = runSeconds(one, now);
                return (
                  <tr key={one.n}>
                    <th scope="row">
                      <span class="strong">{one.n}</span> <span class="muted mono">{one.scheduler_job_id}</span>
                    </th>
                    <td>
                      <Word tone={attemptTone(one)} text={attemptWord(one)} />
                    </td>
                    <td class="nowrap">{one.node || "–"}</td>
                    <td class="mono">{one.started_from ? one.started_from.generation : <span class="muted">start</span>}</td>
                    <td class="num">{clock(one.started_at, now)}</td>
                    <td class="right num">{ran === null ? "–" : duration(ran < 10 ? ran : Math.floor(ran))}</td>
                    <td class="muted wide">
                      <Prose text={one.reason} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > kFew && (
        <button class="link" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? "Show fewer" : `Show all ${rows.length}`}
        </button>
      )}
    </section>
  );
}
