import type { Status } from "../api/types";
import { clock } from "../model/format";
import { Icon } from "./icons";
import { Prose } from "./prose";

/** What is wrong with the daemon, each with what to do; nothing when all is well. */
export function Degraded({ status }: { status: Status }) {
  if (status.degraded.length === 0) {
    return null;
  }
  return (
    <section class="degraded" aria-label="What is wrong">
      {status.degraded.map((one) => (
        <div class="degraded-one" key={one.code}>
          <Icon name="warning" label="warning" size={18} />
          <div>
            <p class="strong">
              <Prose text={one.message} />
            </p>
            {one.advice && (
              <p>
                <Prose text={one.advice} />
              </p>
            )}
          </div>
          {one.since && <span class="muted">since {clock(one.since, Date.now())}</span>}
        </div>
      ))}
    </section>
  );
}
