import { currentToken } from "./token";

/** A refusal as the server says it (RFC 9457), or that there was no answer (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly advice: string,
  ) {
    super(detail);
  }
}

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem(0, "internal", String(error), "Reload the page; report it if it stays.");

export function headers(more: Record<string, string> = {}): Record<string, string> {
  const token = currentToken();
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function problemOf(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => ({}))) as Record<string, string>;
  return new Problem(
    response.status,
    body["code"] ?? `http_${response.status}`,
    body["detail"] ?? `the daemon answered with ${response.status}`,
    body["advice"] ?? "",
  );
}

/** One request; a Problem for all but 2xx and 304. An abort by the caller passes as it is. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", ...init });
  } catch (error) {
    if (init.signal?.aborted) {
      throw error;
    }
    throw new Problem(0, "no_answer", "The daemon does not answer.", "Is it running? Type `ckpt daemon status` where it runs.");
  }
  if (!response.ok && response.status !== 304) {
    throw await problemOf(response);
  }
  return response;
}

// What a path answered last, with its ETag: the server sends it again only when it has changed.
const known = new Map<string, { etag: string; body: unknown }>();
const kMostKnown = 200;

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const before = known.get(path);
  const response = await request(path, {
    headers: headers(before ? { "If-None-Match": before.etag } : {}),
    ...(signal ? { signal } : {}),
  });
  if (response.status === 304 && before) {
    return before.body as T;
  }
  const body = (await response.json()) as T;
  const etag = response.headers.get("ETag");
  known.delete(path);
  if (etag) {
    known.set(path, { etag, body });
    if (known.size > kMostKnown) {
      known.delete(known.keys().next().value as string);
    }
  }
  return body;
}

/** The key makes it safe to send again: the daemon does the same thing once. */
export async function send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T | null> {
  const response = await request(path, {
    method,
    headers: headers({
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...(method === "POST" ? { "Idempotency-Key": randomKey() } : {}),
    }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.status === 204 ? null : ((await response.json()) as T);
}

function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All pages of a list. */
export async function all<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const cursor: string = after === "" ? "" : `${path.includes("?") ? "&" : "?"}after=${encodeURIComponent(after)}`;
    const page: { items: T[]; next: string | null } = await get(path + cursor, signal);
    items.push(...page.items);
    after = page.next;
  }
  return items;
}
