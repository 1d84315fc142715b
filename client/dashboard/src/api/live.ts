import { asProblem, headers, request } from "./client";
import { SseParser } from "./sse";
import type { Event, EventPage } from "./types";

// Events as they happen. EventSource cannot send the token, so the stream is read with fetch; a server that answers with a
// page instead of a stream is asked by long poll.

export type LiveState = "connecting" | "live" | "lost";
type Listener = (events: Event[]) => void;

const kWait = 30;
const kSilence = 45_000; // heartbeats come every 15 s: after three of them missing the connection is dead
const kReconnect = 500;
const kLongestPause = 15_000;

const listeners = new Set<Listener>();
const watchers = new Set<(state: LiveState) => void>();
let state: LiveState = "connecting";
let after = 0;
let running: AbortController | null = null;

export const liveState = (): LiveState => state;

export function onEvents(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onLiveState(watcher: (state: LiveState) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Begins behind the event `seq`, or begins anew. */
export function startLive(seq: number): void {
  running?.abort();
  running = new AbortController();
  after = seq;
  void follow(running.signal);
}

export function stopLive(): void {
  running?.abort();
  running = null;
}

function become(next: LiveState): void {
  if (state !== next) {
    state = next;
    watchers.forEach((watcher) => watcher(next));
  }
}

function give(events: Event[]): void {
  const fresh = events.filter((event) => event.seq > after);
  if (fresh.length > 0) {
    after = Math.max(...fresh.map((event) => event.seq));
    listeners.forEach((listener) => listener(fresh));
  }
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function follow(stopped: AbortSignal): Promise<void> {
  let streams = true;
  for (let failures = 0; !stopped.aborted; ) {
    try {
      if (streams) {
        streams = await readStream(stopped);
        await pause(kReconnect); // a stream may end: that of a daemon that goes, for one
      } else {
        await poll(stopped);
      }
      failures = 0;
    } catch (error) {
      if (stopped.aborted || asProblem(error).status === 401) {
        return; // who sees the 401 elsewhere asks for a token
      }
      failures += 1;
      become("lost");
      await pause(Math.min(1000 * 2 ** (failures - 1), kLongestPause));
    }
  }
}

/** False when the server has no stream. */
async function readStream(stopped: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  stopped.addEventListener("abort", () => silence.abort(), { once: true });
  let timer = setTimeout(() => silence.abort(), kSilence);
  try {
    const response = await request(`/v1/events?after=${after}`, {
      headers: headers({ Accept: "text/event-stream" }),
      signal: silence.signal,
    });
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream") || !response.body) {
      give(((await response.json()) as EventPage).items);
      return false;
    }
    become("live");
    const parser = new SseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), kSilence);
      give(parser.push(chunk.value).map((message) => JSON.parse(message.data) as Event));
    }
    return true;
  } finally {
    clearTimeout(timer);
  }
}

async function poll(stopped: AbortSignal): Promise<void> {
  const path = `/v1/events?after=${after}&wait=${state === "live" ? kWait : 0}&limit=500`;
  const page = (await (await request(path, { headers: headers(), signal: stopped })).json()) as EventPage;
  become("live");
  give(page.items);
}
