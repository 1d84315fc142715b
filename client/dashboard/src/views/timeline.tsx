import { useEffect, useRef } from "preact/hooks";
import type { Attempt, Generation, Job } from "../api/types";
import { useWidth } from "../hooks";
import { bytes, clock, duration, plural, relative, words } from "../model/format";
import { momentOf } from "../model/lineage";
import { layOut, type Frame, type Lane, type Link, type Mark, type Timeline } from "../model/timeline";
import { attemptTone, attemptWord } from "./attempts";

const kBar = 18; // px
const kTallest = 520; // of all lanes; more of them are scrolled, the newest seen first
const kWide = 560; // from here on there is room for words at the left

function frameOf(width: number, lanes: number): Frame {
  const wide = width >= kWide;
  return { width, left: wide ? 128 : 34, right: 12, top: 6, lane: Math.round(Math.min(34, Math.max(16, kTallest / lanes))), bottom: 24 };
}

/** The same is in the tables below it, in words: for a screen reader this is one picture with a caption. */
export function TimelinePicture({ job, attempts, generations, now }: { job: Job; attempts: Attempt[]; generations: Generation[]; now: number }) {
  const [measure, width] = useWidth<HTMLDivElement>();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollTo(0, box.current.scrollHeight), [attempts.length, width > 0]);
  if (attempts.length === 0) {
    return <p class="muted">It has not been submitted yet: {job.reason || "it is being prepared"}.</p>;
  }
  const frame = frameOf(width, attempts.length);
  const scrolls = frame.lane * attempts.length > kTallest;
  const picture = width > 0 ? layOut(job, attempts, generations, now, frame) : null;
  const lost = picture?.lanes.reduce((sum, lane) => sum + (lane.lost?.seconds ?? 0), 0) ?? 0;
  return (
    <figure class="timeline">
      <div ref={box} class="timeline-box" {...(scrolls ? { tabIndex: 0, role: "group", "aria-label": "Timeline, the newest attempts at its end" } : {})}>
        <div ref={measure} />
        {picture && (
          <svg width={width} height={picture.height} role="img" aria-label={caption(attempts, generations, lost)}>
            <defs>
              <pattern id="lost" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <rect width="6" height="6" class="lost-ground" />
                <path d="M0 0v6" class="lost-line" stroke-width="4" />
              </pattern>
            </defs>
            <Axis picture={picture} frame={frame} />
            {picture.lanes.map((lane) => (
              <LaneView key={lane.attempt.n} lane={lane} frame={frame} wide={width >= kWide} />
            ))}
            {picture.links.map((link) => (
              <LinkView key={`${link.x1},${link.y2}`} link={link} />
            ))}
            {picture.lanes.map((lane) => lane.marks.map((mark) => <MarkView key={mark.generation.id} mark={mark} y={lane.y + frame.lane / 2} height={Math.min(kBar, frame.lane - 5)} small={lane.crowded} now={now} />))}
          </svg>
        )}
      </div>
      <Legend />
    </figure>
  );
}

function caption(attempts: Attempt[], generations: Generation[], lost: number): string {
  const sealed = generations.filter((one) => one.sealed_at).length;
  const nodes = new Set(attempts.map((one) => one.node).filter(Boolean)).size;
  return `Timeline: ${plural(attempts.length, "attempt")} on ${plural(nodes, "node")}, ${plural(sealed, "checkpoint")} sealed, ${duration(Math.round(lost))} of work lost or set aside. The tables below say the same.`;
}

function tickText(time: number, step: number): string {
  const at = new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  if (step >= 86_400_000 || (at.getHours() === 0 && at.getMinutes() === 0 && step >= 3_600_000)) {
    return `${two(at.getDate())}.${two(at.getMonth() + 1)}.`;
  }
  return `${two(at.getHours())}:${two(at.getMinutes())}${step < 60_000 ? `:${two(at.getSeconds())}` : ""}`;
}

function Axis({ picture, frame }: { picture: Timeline; frame: Frame }) {
  const bottom = picture.height - frame.bottom;
  return (
    <g class="axis">
      {picture.ticks.map(({ x, time }) => (
        <g key={time}>
          <path d={`M${x} ${frame.top}V${bottom + 4}`} class="grid" />
          <text x={Math.min(Math.max(x, frame.left + 16), picture.width - 26)} y={bottom + 18} text-anchor="middle">
            {tickText(time, picture.step)}
          </text>
        </g>
      ))}
      {picture.now !== null && <path d={`M${picture.now} ${frame.top}V${bottom + 4}`} class="now" />}
    </g>
  );
}

function LaneView({ lane, frame, wide }: { lane: Lane; frame: Frame; wide: boolean }) {
  const { attempt } = lane;
  const middle = lane.y + frame.lane / 2;
  const height = Math.min(kBar, frame.lane - 5);
  const top = middle - height / 2;
  return (
    <g>
      <text x="0" y={middle + 4} class="lane-name">
        {attempt.n}
        {wide && (
          <tspan class="lane-note" dx="6">
            {shorten(attempt.node || attempt.state, 9)} {attemptWord(attempt) === attempt.node ? "" : shorten(attemptWord(attempt), 11)}
          </tspan>
        )}
      </text>
      {lane.waiting && (
        <path d={`M${lane.waiting.x} ${middle}h${lane.waiting.width}`} class="waiting">
          <title>{`Attempt ${attempt.n} waited`}</title>
        </path>
      )}
      {lane.ahead && (
        <rect x={lane.ahead.x} y={top + 0.5} width={lane.ahead.width} height={height - 1} rx="3" class="ahead">
          <title>{`What is left of the allocation of attempt ${attempt.n}`}</title>
        </rect>
      )}
      {lane.run && (
        <rect x={lane.run.x} y={top} width={lane.run.width} height={height} rx="3" class={`run run-${attemptTone(attempt)}`}>
          <title>{`Attempt ${attempt.n} on ${attempt.node || "no node"}: ${attemptWord(attempt)}${attempt.reason ? `, ${attempt.reason}` : ""}`}</title>
        </rect>
      )}
      {lane.lost && (
        <rect x={lane.lost.x} y={top} width={lane.lost.width} height={height} rx="2" class="lost" fill="url(#lost)">
          <title>{`${duration(lane.lost.seconds)} of attempt ${attempt.n} are in no checkpoint that the job went on from: lost, or set aside by a rollback`}</title>
        </rect>
      )}
    </g>
  );
}

const shorten = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function LinkView({ link }: { link: Link }) {
  const rise = link.y2 - link.y1;
  const turn = link.y2 - Math.min(14, rise * 0.42);
  const end = link.y2 - Math.min(10, rise * 0.35);
  return (
    <path d={`M${link.x1} ${link.y1 + 7}V${turn}H${link.x2 + 3}V${end}m-3 -4l3 4l3 -4`} class="link-line">
      <title>{`Went on from ${link.generation}`}</title>
    </path>
  );
}

/** Sealed: full; being written: open; pruned: a small open one; failed or corrupt: a cross. */
function MarkView({ mark, y, height, small, now }: { mark: Mark; y: number; height: number; small: boolean; now: number }) {
  const { generation, x, blocked } = mark;
  const bad = generation.state === "failed" || generation.state === "corrupt";
  const size = generation.state === "pruned" ? (small ? 1.8 : 3.2) : 5.6;
  const shape = bad ? `M${x - 4.5} ${y - 4.5}l9 9m0 -9l-9 9` : `M${x} ${y - size}l${size} ${size}l${-size} ${size}l${-size} ${-size}z`;
  const moment = momentOf(generation);
  return (
    <g class={`mark mark-${generation.state}`}>
      {blocked && <rect x={blocked.x} y={y - height / 2} width={blocked.width} height={height} class="blocked" />}
      {bad && <path d={shape} class="mark-halo" />}
      <path d={shape} class="mark-shape" />
      {generation.pinned && <circle cx={x} cy={y} r="8.5" class="mark-pin" />}
      <circle cx={x} cy={y} r="9" fill="transparent">
        <title>
          {[
            `${generation.id}, ${generation.state}${generation.pinned ? ", pinned" : ""} (${words(generation.trigger)})`,
            moment ? `${clock(new Date(moment).toISOString(), now)}, ${relative(new Date(moment).toISOString(), now)}` : "",
            generation.stored_bytes === null ? "" : bytes(generation.stored_bytes),
            generation.blocked_seconds === null ? "" : `stood still for ${duration(generation.blocked_seconds)}`,
          ]
            .filter(Boolean)
            .join("\n")}
        </title>
      </circle>
    </g>
  );
}

function Legend() {
  return (
    <figcaption class="legend" aria-hidden="true">
      <span>
        <svg width="22" height="12">
          <path d="M0 6h22" class="waiting" />
        </svg>
        waiting
      </span>
      <span>
        <svg width="22" height="12">
          <rect width="22" height="12" rx="3" class="run run-good" />
        </svg>
        ran
      </span>
      <span>
        <svg width="22" height="12">
          <rect width="22" height="12" rx="2" class="lost" fill="url(#lost)" />
        </svg>
        lost, or set aside by a rollback
      </span>
      <span>
        <svg width="14" height="12" class="mark mark-sealed">
          <path d="M7 1l5 5l-5 5l-5 -5z" class="mark-shape" />
        </svg>
        checkpoint
      </span>
      <span>
        <svg width="14" height="12" class="mark mark-pruned">
          <path d="M7 2.8l3.2 3.2l-3.2 3.2l-3.2 -3.2z" class="mark-shape" />
        </svg>
        pruned
      </span>
      <span>
        <svg width="14" height="12" class="mark mark-failed">
          <path d="M3 2l8 8m0 -8l-8 8" class="mark-shape" />
        </svg>
        failed
      </span>
    </figcaption>
  );
}
