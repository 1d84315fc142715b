import { useEffect, useRef, useState } from "preact/hooks";
import { get, type Problem } from "./api/client";
import { currentJobs, onJobs, startJobs, type JobsView } from "./api/jobs";
import { onEvents } from "./api/live";
import { noteProblem } from "./api/session";
import type { Event } from "./api/types";

const kSettle = 200;

/** The time, every `period` ms, while the page is seen. */
export function useNow(period = 1000): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || setNow(Date.now()), period);
    return () => clearInterval(timer);
  }, [period]);
  return now;
}

export interface Resource<T> {
  data: T | null;
  problem: Problem | null;
  reload: () => void;
}

/** What `path` answers; asked again when an event concerns it, and every `period` ms. */
export function useResource<T>(path: string, concerns: (event: Event) => boolean, period = 15_000): Resource<T> {
  const [held, setHeld] = useState<{ path: string; data: T | null; problem: Problem | null }>({ path, data: null, problem: null });
  const reload = useRef(() => {});
  const wanted = useRef(concerns);
  wanted.current = concerns;
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    let asking = false;
    let again = false;
    const ask = async () => {
      if (asking) {
        again = true;
        return;
      }
      asking = true;
      try {
        const data = await get<T>(path, stopped.signal);
        setHeld({ path, data, problem: null });
      } catch (error) {
        if (!stopped.signal.aborted) {
          const problem = noteProblem(error);
          setHeld((before) => ({ path, data: before.path === path ? before.data : null, problem }));
        }
      }
      asking = false;
      if (again && !stopped.signal.aborted) {
        again = false;
        void ask();
      }
    };
    reload.current = () => void ask();
    const unsubscribe = onEvents((events) => {
      if (events.some((event) => wanted.current(event))) {
        timer ??= setTimeout(() => {
          timer = null;
          void ask();
        }, kSettle);
      }
    });
    const beat = setInterval(() => document.hidden || void ask(), period);
    void ask();
    return () => {
      stopped.abort();
      unsubscribe();
      clearInterval(beat);
      clearTimeout(timer ?? undefined);
    };
  }, [path, period]);
  const mine = held.path === path;
  return { data: mine ? held.data : null, problem: mine ? held.problem : null, reload: () => reload.current() };
}

export function useJobs(): JobsView {
  const [view, setView] = useState<JobsView>(currentJobs());
  useEffect(() => {
    const unsubscribe = onJobs(() => setView(currentJobs()));
    startJobs();
    setView(currentJobs());
    return unsubscribe;
  }, []);
  return view;
}

/** Whatever a module tells its watchers. */
export function useWatched<T>(read: () => T, watch: (watcher: (value: T) => void) => () => void): T {
  const [value, setValue] = useState(read());
  useEffect(() => {
    setValue(read());
    return watch(setValue);
  }, []);
  return value;
}

/** The width of an element in px, as it changes. */
export function useWidth<E extends HTMLElement>(): [(element: E | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const attach = useRef((element: E | null) => {
    observer.current?.disconnect();
    if (element) {
      observer.current = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
      observer.current.observe(element);
      setWidth(Math.floor(element.clientWidth));
    }
  });
  return [attach.current, width];
}
