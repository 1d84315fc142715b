// Axes. Pure.

/** Round values from 0 up to at least `max`, at most about `count` steps. */
export function ticks(max: number, count: number): number[] {
  if (!(max > 0)) {
    return [0, 1];
  }
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const last = Math.ceil(max / step - 1e-9);
  return Array.from({ length: last + 1 }, (_, index) => index * step);
}

/** The same for seconds, whose round values are those of a clock. */
export function durationTicks(max: number, count: number): number[] {
  const step = max < 20 ? 0 : [10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].find((one) => max / one <= count);
  if (!step) {
    return ticks(max, count);
  }
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step);
}

const kTimeSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600,
].map((seconds) => seconds * 1000);

/** Moments between `from` and `to` (ms) at round local times, at most `count` of them, and their distance. */
export function timeTicks(from: number, to: number, count: number): { at: number[]; step: number } {
  const most = Math.max(1, count);
  const longest = kTimeSteps[kTimeSteps.length - 1] as number;
  const step = kTimeSteps.find((one) => (to - from) / one <= most) ?? longest * Math.ceil((to - from) / most / longest);
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const first = Math.ceil((from - offset) / step) * step + offset;
  const at: number[] = [];
  for (let time = first; time <= to; time += step) {
    at.push(time);
  }
  return { at, step };
}
