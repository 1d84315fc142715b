import { asProblem, get, type Problem } from "./client";
import { startLive, stopLive } from "./live";
import { stopJobs } from "./jobs";
import { setToken } from "./token";
import type { Status } from "./types";

// Whether the daemon lets us in. Over TCP it wants the token; through its socket none.

export type Access = { state: "asking" | "in" } | { state: "locked"; wrong: boolean } | { state: "silent"; problem: Problem };

let access: Access = { state: "asking" };
let tried = false; ///< a token was given
const watchers = new Set<(access: Access) => void>();

export const currentAccess = (): Access => access;

export function onAccess(watcher: (access: Access) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function become(next: Access): void {
  access = next;
  watchers.forEach((watcher) => watcher(next));
}

export async function enter(token?: string): Promise<void> {
  if (token !== undefined) {
    setToken(token);
    tried = true;
  }
  become({ state: "asking" });
  try {
    const status = await get<Status>("/v1/status");
    startLive(status.last_event_seq);
    become({ state: "in" });
  } catch (error) {
    noteProblem(error);
    if (access.state === "asking") {
      become({ state: "silent", problem: asProblem(error) });
    }
  }
}

/** A 401 anywhere locks the page: the daemon has another token than we. */
export function noteProblem(error: unknown): Problem {
  const problem = asProblem(error);
  if (problem.status === 401 && access.state !== "locked") {
    stopLive();
    stopJobs();
    become({ state: "locked", wrong: tried || access.state === "in" });
  }
  return problem;
}

export const markTokenGiven = (): void => {
  tried = true;
};
