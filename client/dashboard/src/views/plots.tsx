import type { Generation } from "../api/types";
import { useWidth } from "../hooks";
import { bytes, duration } from "../model/format";
import { durationTicks, ticks } from "../model/scale";

const kHeight = 132;
const kLeft = 76;
const kBottom = 20;
const kTop = 8;
const kMost = 60; // the newest

export function Plots({ generations }: { generations: Generation[] }) {
  const sealed = generations.filter((one) => one.sealed_at).slice(-kMost);
  return (
    <section class="card plots" aria-labelledby="plots-title">
      <h2 id="plots-title">Cost of checkpoints</h2>
      {sealed.length === 0 ? (
        <p class="muted">None is sealed yet.</p>
      ) : (
        <>
          <Plot
            title="Size, as stored and in memory"
            generations={sealed}
            value={(one) => one.stored_bytes ?? one.bytes ?? 0}
            whole={(one) => one.bytes ?? 0}
            say={bytes}
            scaled={ticks}
          />
          <Plot title="How long the program stood still" generations={sealed} value={(one) => one.blocked_seconds ?? 0} say={duration} scaled={durationTicks} />
        </>
      )}
    </section>
  );
}

interface PlotProps {
  title: string;
  generations: Generation[];
  value: (generation: Generation) => number;
  whole?: (generation: Generation) => number; ///< drawn behind it, in outline
  say: (value: number) => string;
  scaled: (max: number, count: number) => number[];
}

function Plot({ title, generations, value, whole, say, scaled }: PlotProps) {
  const [measure, width] = useWidth<HTMLDivElement>();
  const values = generations.map(value);
  const max = Math.max(...values, ...generations.map((one) => whole?.(one) ?? 0));
  const scale = scaled(max, 3);
  const top = scale[scale.length - 1] as number;
  const inner = width - kLeft - 4;
  const slot = Math.min(46, inner / generations.length);
  const bar = Math.max(2, Math.min(26, slot * 0.62));
  const y = (amount: number) => kTop + (kHeight - kTop - kBottom) * (1 - amount / top);
  const every = Math.ceil(42 / slot); // labels that do not touch
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  return (
    <figure class="plot">
      <figcaption>
        {title}
        <span class="muted">{lowest === highest ? say(highest) : `${say(lowest)} – ${say(highest)}`}</span>
      </figcaption>
      <div ref={measure}>
        {width > 0 && (
          <svg width={width} height={kHeight} role="img" aria-label={`${title}: ${generations.map((one, index) => `${one.id} ${say(values[index] as number)}`).join(", ")}`}>
            {scale.map((tick) => (
              <g class="axis" key={tick}>
                <path d={`M${kLeft} ${y(tick)}H${width}`} class="grid" />
                <text x={kLeft - 8} y={y(tick) + 4} text-anchor="end">
                  {tick === 0 ? "0" : say(tick)}
                </text>
              </g>
            ))}
            {generations.map((one, index) => {
              const x = kLeft + slot * (index + 0.5) - bar / 2 + 2;
              const amount = values[index] as number;
              const all = whole?.(one) ?? 0;
              return (
                <g key={one.id}>
                  {all > amount && <rect x={x} y={y(all)} width={bar} height={y(0) - y(all)} rx="2" class="plot-whole" />}
                  <rect x={x} y={y(amount)} width={bar} height={Math.max(1, y(0) - y(amount))} rx="2" class="plot-bar" />
                  <rect x={x - 2} y={kTop} width={bar + 4} height={kHeight - kTop - kBottom} fill="transparent">
                    <title>{`${one.id}: ${say(amount)}${all > amount ? ` of ${say(all)}` : ""}`}</title>
                  </rect>
                  {(generations.length - 1 - index) % every === 0 && (
                    <text x={Math.min(x + bar / 2, width - 12)} y={kHeight - 4} text-anchor="middle" class="axis-text">
                      {one.id}
                    </text>
                  )}
                </g>
              );
            })}
          </svg>
        )}
      </div>
    </figure>
  );
}
