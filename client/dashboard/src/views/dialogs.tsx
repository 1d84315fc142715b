import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { cancel, restart } from "../acts";
import type { Generation, Job } from "../api/types";
import { bytes, clock, relative, words } from "../model/format";
import { isGood } from "../model/lineage";

/** The browser's own modal dialog: it holds the focus, Escape closes it, and the focus goes back to where it was. */
function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the browser handles its next event: an Escape that follows the click at once closes the dialog, too.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => before?.focus();
  }, []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

interface Props {
  job: Job;
  onClose: () => void;
  onChange: () => void;
}

export function CancelDialog({ job, onClose, onChange }: Props) {
  const [busy, setBusy] = useState(false);
  const latest = job.latest_generation;
  const runs = job.state === "running" || job.state === "stopping";
  const act = async () => {
    setBusy(true);
    await cancel(job);
    onChange();
    onClose();
  };
  return (
    <Dialog title={`Cancel ${job.name || job.id}?`} onClose={onClose}>
      <p>
        It ends now, without a checkpoint.
        {runs && (latest?.frozen_at ? ` What it did since ${latest.id} (${relative(latest.frozen_at, Date.now())}) is lost.` : " All that it did is lost.")}
        {job.generations_count > 0 && " Its checkpoints are kept."}
      </p>
      {runs && <p class="muted">Stop instead takes a checkpoint first and parks the job.</p>}
      <div class="dialog-actions">
        <button class="button" autofocus onClick={onClose}>
          Do not cancel
        </button>
        <button class="button danger solid" disabled={busy} onClick={() => void act()}>
          Cancel the job
        </button>
      </div>
    </Dialog>
  );
}

/** From the newest good generation, or an older one. */
export function RestartDialog({ job, generations, chosen, onClose, onChange }: Props & { generations: Generation[]; chosen: Generation | null }) {
  const good = generations.filter(isGood).reverse();
  const [pick, setPick] = useState(chosen?.id ?? "");
  const [busy, setBusy] = useState(false);
  const now = Date.now();
  const act = async () => {
    setBusy(true);
    await restart(job, pick || null);
    onChange();
    onClose();
  };
  return (
    <Dialog title={`Restart ${job.name || job.id}`} onClose={onClose}>
      {good.length === 0 ? (
        <p>It has no good checkpoint: it begins anew.</p>
      ) : (
        <fieldset class="choices">
          <legend>Go on from</legend>
          <Choice value="" pick={pick} onPick={setPick} title="the newest" detail="whatever is the newest good one then" />
          {good.map((one) => (
            <Choice
              key={one.id}
              value={one.id}
              pick={pick}
              onPick={setPick}
              title={one.id}
              detail={`${clock(one.frozen_at, now)}, ${relative(one.frozen_at, now)}, ${words(one.trigger)}, ${bytes(one.stored_bytes)}`}
            />
          ))}
        </fieldset>
      )}
      {pick && <p class="muted">What it computed after {pick} is left aside; later checkpoints go once a new one is sealed, unless they are pinned.</p>}
      <div class="dialog-actions">
        <button class="button" onClick={onClose}>
          Leave it
        </button>
        <button class="button primary" autofocus disabled={busy} onClick={() => void act()}>
          Restart{pick ? ` from ${pick}` : ""}
        </button>
      </div>
    </Dialog>
  );
}

interface ChoiceProps {
  value: string;
  pick: string;
  onPick: (value: string) => void;
  title: string;
  detail: string;
}

function Choice({ value, pick, onPick, title, detail }: ChoiceProps) {
  return (
    <label class={`choice ${value === pick ? "choice-on" : ""}`}>
      <input type="radio" name="generation" value={value} checked={value === pick} onChange={() => onPick(value)} />
      <span class="strong">{title}</span>
      <span class="muted">{detail}</span>
    </label>
  );
}
