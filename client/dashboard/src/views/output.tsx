import { useEffect, useRef, useState } from "preact/hooks";
import { headers, request } from "../api/client";
import { noteProblem } from "../api/session";
import type { Job } from "../api/types";
import { Tail, kTailBytes } from "../model/tail";

const kStreams = ["stdout", "stderr", "runner"] as const;
type Stream = (typeof kStreams)[number];
const kNames: Record<Stream, string> = { stdout: "Output", stderr: "Errors", runner: "Runner's log" };
const kBusy = 1000; // ms between two looks while the job goes on
const kIdle = 10_000;

export function Output({ job }: { job: Job }) {
  const [stream, setStream] = useState<Stream>("stdout");
  const [follow, setFollow] = useState(true);
  const { text, note } = useTail(job, stream);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (follow && box.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [text, follow, stream]);
  return (
    <section class="card" aria-labelledby="output-title">
      <div class="card-head">
        <h2 id="output-title">Output</h2>
        <fieldset class="segments">
          <legend class="hidden">Stream</legend>
          {kStreams.map((one) => (
            <label key={one} class={one === stream ? "segment segment-on" : "segment"}>
              <input class="hidden" type="radio" name="stream" checked={one === stream} onChange={() => setStream(one)} />
              {kNames[one]}
            </label>
          ))}
        </fieldset>
        <label class="check">
          <input type="checkbox" checked={follow} onChange={() => setFollow(!follow)} /> follow
        </label>
      </div>
      <pre class="output" ref={box} tabIndex={0} role="region" aria-label={`${kNames[stream]}, the end of it`}>
        {text || <span class="muted">{note || "Nothing yet."}</span>}
      </pre>
    </section>
  );
}

/** The end of a stream, read on while the page is seen. */
function useTail(job: Job, stream: Stream): { text: string; note: string } {
  const [seen, setSeen] = useState({ text: "", note: "" });
  const busy = useRef(true);
  busy.current = ["running", "stopping", "queued"].includes(job.state);
  useEffect(() => {
    const stopped = new AbortController();
    const tail = new Tail();
    let timer: ReturnType<typeof setTimeout>;
    setSeen({ text: "", note: "" });
    const read = async (offset: number, limit: number) => {
      const path = `/v1/jobs/${job.id}/output?stream=${stream}&offset=${offset}&limit=${limit}`;
      const response = await request(path, { headers: headers(), signal: stopped.signal });
      const number = (name: string) => Number(response.headers.get(name) ?? 0);
      return { offset: number("Ckpt-Offset"), size: number("Ckpt-Size"), data: new Uint8Array(await response.arrayBuffer()) };
    };
    const look = async () => {
      if (!document.hidden) {
        try {
          if (tail.next === null) {
            const { size } = await read(0, 1);
            tail.begin(Math.max(0, size - kTailBytes));
          }
          const chunk = await read(tail.next ?? 0, kTailBytes);
          if (tail.take(chunk)) {
            setSeen({ text: tail.text, note: "" });
          }
        } catch (error) {
          if (stopped.signal.aborted) {
            return;
          }
          setSeen((before) => ({ text: before.text, note: noteProblem(error).detail }));
        }
      }
      timer = setTimeout(() => void look(), busy.current ? kBusy : kIdle);
    };
    void look();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [job.id, stream]);
  return seen;
}
