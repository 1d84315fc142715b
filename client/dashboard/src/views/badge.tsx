import type { JobState } from "../api/types";
import { Icon } from "./icons";

export function StateBadge({ state }: { state: JobState }) {
  return (
    <span class={`badge tone-${state}`}>
      <Icon name={state} />
      {state}
    </span>
  );
}

/** State of a generation, an attempt, a node: a word with a shape before it. */
export function Word({ tone, text }: { tone: "good" | "bad" | "busy" | "off"; text: string }) {
  const shape = { good: "M1 5.2 4 8l5-6", bad: "m1.5 1.5 7 7m0-7-7 7", busy: "M5 1.2a3.8 3.8 0 1 1-3.8 3.8", off: "M1.5 5h7" }[tone];
  return (
    <span class={`word word-${tone}`}>
      <svg viewBox="0 0 10 10" width="9" height="9" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" aria-hidden="true">
        <path d={shape} />
      </svg>
      {text}
    </span>
  );
}
