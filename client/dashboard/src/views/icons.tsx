// One drawing a word: a state is told by its shape and its name, never by colour alone.

const kPaths = {
  running: "M6 4.5v7l6-3.5z",
  queued: "M8 4.5V8l2.4 1.6",
  stopping: "M5.5 5.5h5v5h-5z",
  parked: "M6 5v6M10 5v6",
  completed: "m4.8 8.2 2.2 2.3 4.2-4.8",
  failed: "m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2",
  cancelled: "m4.2 11.8 7.6-7.6",
  warning: "M8 4.6v4.2M8 11.3v.1",
  contrast: "M8 2.5a5.5 5.5 0 0 1 0 11z",
  sun: "M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1",
  moon: "M13.2 9.6A5.7 5.7 0 1 1 6.4 2.8a4.6 4.6 0 0 0 6.8 6.8z",
  search: "m10.4 10.4 3.4 3.4",
  close: "m4.5 4.5 7 7m0-7-7 7",
  pin: "M8 9.5V14M5 9.5h6L10 7V3H6v4z",
  check: "m3.5 8.4 3 3.1 6-6.7",
  cross: "m4.5 4.5 7 7m0-7-7 7",
} as const;

const kRings = new Set<string>(["queued", "completed", "failed", "cancelled", "parked", "running", "stopping", "warning", "contrast"]);
const kFilled = new Set<string>(["running", "stopping", "contrast", "moon"]);
const kCircles: Record<string, [number, number, number]> = { sun: [8, 8, 3], search: [6.8, 6.8, 4.6] };

export type IconName = keyof typeof kPaths;

export function Icon({ name, label, size = 16 }: { name: IconName; label?: string; size?: number }) {
  const circle = kRings.has(name) ? [8, 8, 6.25] : kCircles[name];
  return (
    <svg
      class="icon"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : "true"}
    >
      {circle && <circle cx={circle[0]} cy={circle[1]} r={circle[2]} />}
      <path d={kPaths[name]} fill={kFilled.has(name) ? "currentColor" : "none"} stroke={name === "contrast" ? "none" : "currentColor"} />
    </svg>
  );
}
