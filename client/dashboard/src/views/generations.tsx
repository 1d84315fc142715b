import { useState } from "preact/hooks";
import { pin } from "../acts";
import type { Generation, GenerationState, Job } from "../api/types";
import { bytes, clock, duration, relative, words } from "../model/format";
import { actions } from "../model/jobs";
import { isGood } from "../model/lineage";
import { Word } from "./badge";
import { Icon } from "./icons";
import { Prose } from "./prose";

const kFew = 8;

const kTones: Record<GenerationState, "good" | "bad" | "busy" | "off"> = {
  requested: "busy",
  writing: "busy",
  verifying: "busy",
  sealed: "good",
  failed: "bad",
  pruned: "off",
  corrupt: "bad",
};

interface Props {
  job: Job;
  generations: Generation[];
  now: number;
  onRestart: (generation: Generation) => void;
  onChange: () => void;
}

export function GenerationsTable({ job, generations, now, onRestart, onChange }: Props) {
  const [gone, setGone] = useState(false);
  const [more, setMore] = useState(false);
  const rows = generations.filter((one) => gone || one.state !== "pruned").reverse();
  const pruned = generations.filter((one) => one.state === "pruned").length;
  const mayRestart = actions(job).restart;
  return (
    <section class="card" aria-labelledby="generations-title">
      <div class="card-head">
        <h2 id="generations-title">Generations</h2>
        {pruned > 0 && (
          <label class="check">
            <input type="checkbox" checked={gone} onChange={() => setGone(!gone)} /> {pruned} pruned
          </label>
        )}
      </div>
      {rows.length === 0 ? (
        <p class="muted">No checkpoint {generations.length === 0 ? "yet" : "is left"}.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="group" aria-label="Generations, a table">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Generation</th>
                <th scope="col">State</th>
                <th scope="col">Frozen</th>
                <th scope="col" class="right">
                  Size
                </th>
                <th scope="col" class="right">
                  Stood still
                </th>
                <th scope="col">
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, more ? rows.length : kFew).map((one) => (
                <Row key={one.id} generation={one} now={now} mayRestart={mayRestart} onRestart={onRestart} onChange={onChange} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > kFew && (
        <button class="link" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? "Show fewer" : `Show all ${rows.length}`}
        </button>
      )}
      {!mayRestart && rows.some(isGood) && job.state === "running" && <p class="hint">To go back to one of these, stop the job first.</p>}
    </section>
  );
}

function Row({ generation, now, mayRestart, onRestart, onChange }: Omit<Props, "job" | "generations"> & { generation: Generation; mayRestart: boolean }) {
  const good = isGood(generation);
  const toggle = async () => {
    await pin(generation, !generation.pinned);
    onChange();
  };
  return (
    <tr data-generation={generation.id} class={generation.state === "pruned" ? "faded" : ""}>
      <th scope="row">
        <span class="mono strong">{generation.id}</span>
        {generation.pinned && (
          <span class="pinned">
            <Icon name="pin" size={13} /> pinned
          </span>
        )}
        <div class="sub">{words(generation.trigger)}</div>
      </th>
      <td>
        <Word tone={kTones[generation.state]} text={generation.state} />
        {generation.reason && (
          <div class="sub clip" title={generation.reason}>
            <Prose text={generation.reason} />
          </div>
        )}
      </td>
      <td title={generation.frozen_at ?? ""}>
        <span class="num">{clock(generation.frozen_at ?? generation.requested_at, now)}</span>
        <div class="sub">{relative(generation.frozen_at ?? generation.requested_at, now)}</div>
      </td>
      <td class="right">
        <span class="num">{bytes(generation.stored_bytes ?? generation.bytes)}</span>
        {generation.bytes !== null && generation.stored_bytes !== null && generation.bytes !== generation.stored_bytes && (
          <div class="sub">of {bytes(generation.bytes)}</div>
        )}
      </td>
      <td class="right num">{generation.blocked_seconds === null ? "–" : duration(generation.blocked_seconds)}</td>
      <td class="right row-actions">
        {good && mayRestart && (
          <button class="button small" aria-label={`Restart from ${generation.id}`} onClick={() => onRestart(generation)}>
            Restart…
          </button>
        )}
        {good && (
          <button class="button small" aria-pressed={generation.pinned} aria-label={`Pin ${generation.id}`} onClick={() => void toggle()}>
            {generation.pinned ? "Unpin" : "Pin"}
          </button>
        )}
      </td>
    </tr>
  );
}
