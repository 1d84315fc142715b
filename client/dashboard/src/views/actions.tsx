import { useState } from "preact/hooks";
import { checkpoint, stop } from "../acts";
import type { Job } from "../api/types";
import { actions } from "../model/jobs";
import { CancelDialog } from "./dialogs";

/** The buttons of what can be done now. */
export function Actions({ job, onRestart, onChange }: { job: Job; onRestart: () => void; onChange: () => void }) {
  const [busy, setBusy] = useState("");
  const [cancelling, setCancelling] = useState(false);
  const can = actions(job);
  const act = async (name: string, perform: (job: Job) => Promise<boolean>) => {
    setBusy(name);
    await perform(job);
    setBusy("");
    onChange();
  };
  return (
    <div class="actions" role="group" aria-label="Actions">
      {can.checkpoint && (
        <button class="button primary" disabled={busy !== ""} onClick={() => void act("checkpoint", checkpoint)}>
          Checkpoint now
        </button>
      )}
      {can.restart && (
        <button class="button primary" onClick={onRestart}>
          Restart…
        </button>
      )}
      {can.stop && (
        <button class="button" disabled={busy !== ""} title="Checkpoint, free the allocation, park" onClick={() => void act("stop", stop)}>
          Stop
        </button>
      )}
      {can.cancel && (
        <button class="button danger" onClick={() => setCancelling(true)}>
          Cancel…
        </button>
      )}
      {cancelling && <CancelDialog job={job} onClose={() => setCancelling(false)} onChange={onChange} />}
    </div>
  );
}
