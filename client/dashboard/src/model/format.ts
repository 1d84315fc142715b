// How numbers and times are said. Pure; `now` is given.

import type { Text } from "../api/types";

/** "slurm 22.05.8": some schedulers' versions begin with their names. */
export function schedulerName({ kind, version }: { kind: string; version: string }): string {
  return version.startsWith(kind) ? version : `${kind} ${version}`.trim();
}

export function duration(seconds: number): string {
  const whole = Math.max(0, seconds);
  if (whole < 1) {
    return whole === 0 ? "0 s" : `${Math.max(1, Math.round(whole * 1000))} ms`;
  }
  if (whole < 10) {
    return `${+whole.toFixed(1)} s`;
  }
  const total = Math.round(whole);
  if (total < 60) {
    return `${total} s`;
  }
  const parts: [number, string][] = [
    [Math.floor(total / 86400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "min"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** "in 12 min", "3 h ago", "now". */
export function relative(time: string | null, now: number): string {
  if (!time) {
    return "";
  }
  const seconds = (Date.parse(time) - now) / 1000;
  if (Math.abs(seconds) < 1) {
    return "now";
  }
  const span = coarse(Math.abs(seconds));
  return seconds > 0 ? `in ${span}` : `${span} ago`;
}

/** One unit, for what changes while one looks at it. */
function coarse(seconds: number): string {
  if (seconds < 90) {
    return `${Math.round(seconds)} s`;
  }
  if (seconds < 90 * 60) {
    return `${Math.round(seconds / 60)} min`;
  }
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export function bytes(count: number | null): string {
  if (count === null) {
    return "–";
  }
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : +value.toPrecision(3)} ${units[unit]}`;
}

const two = (number: number) => String(number).padStart(2, "0");

/** Local time; of another day with the day, and without the seconds. */
export function clock(time: string | null, now: number): string {
  if (!time) {
    return "–";
  }
  const at = new Date(time);
  const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.toDateString() === new Date(now).toDateString() ? `${minutes}:${two(at.getSeconds())}` : `${day(at)} ${minutes}`;
}

export const day = (at: Date): string => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

export function text(value: Text): string {
  if (typeof value === "string") {
    return value;
  }
  const raw = Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(raw);
}

/** A command line as one would type it. */
export function commandLine(argv: Text[]): string {
  return argv
    .map(text)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

export const words = (name: string): string => name.replaceAll("_", " ");

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
