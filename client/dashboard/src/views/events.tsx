import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import { onEvents } from "../api/live";
import { noteProblem } from "../api/session";
import type { Event, EventPage, Status } from "../api/types";
import { clock } from "../model/format";

const kBack = 5000; // events of all jobs to look back
const kMost = 400;
const kFew = 8;

/** The newest first. */
export function EventsList({ job, now }: { job: string; now: number }) {
  const [events, setEvents] = useState<Event[]>([]);
  const [more, setMore] = useState(false);
  useEffect(() => {
    const stopped = new AbortController();
    const add = (fresh: Event[]) =>
      setEvents((before) => {
        const bySeq = new Map([...before, ...fresh].map((event) => [event.seq, event]));
        return [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, kMost);
      });
    const read = async () => {
      const { last_event_seq } = await get<Status>("/v1/status", stopped.signal);
      for (let after = Math.max(0, last_event_seq - kBack); ; ) {
        const page = await get<EventPage>(`/v1/events?job=${job}&after=${after}&limit=1000`, stopped.signal);
        add(page.items);
        if (page.last_seq <= after || page.last_seq >= last_event_seq) {
          break; // a page may end before the last event, for it counts those of other jobs too
        }
        after = page.last_seq;
      }
    };
    read().catch((error) => stopped.signal.aborted || noteProblem(error));
    const unsubscribe = onEvents((fresh) => add(fresh.filter((event) => event.job === job)));
    return () => {
      stopped.abort();
      unsubscribe();
    };
  }, [job]);
  const rows = events.slice(0, more ? kMost : kFew);
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {rows.length === 0 ? (
        <p class="muted">None of late.</p>
      ) : (
        <ol class="events" reversed>
          {rows.map((event) => (
            <li key={event.seq}>
              <time class="num muted" dateTime={event.at}>
                {clock(event.at, now)}
              </time>
              <span class="event-text">{event.message}</span>
              <span class="muted">{event.by}</span>
            </li>
          ))}
        </ol>
      )}
      {events.length > kFew && (
        <button class="link" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? "Show fewer" : `Show ${events.length}`}
        </button>
      )}
    </section>
  );
}
