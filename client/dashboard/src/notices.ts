// What the page has to say about what somebody did: shown for a while and read aloud.

export interface Notice {
  id: number;
  text: string;
  advice: string;
  bad: boolean;
}

const kShown = 7000;
const watchers = new Set<(notices: Notice[]) => void>();
let notices: Notice[] = [];
let next = 1;

export const currentNotices = (): Notice[] => notices;

export function onNotices(watcher: (notices: Notice[]) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id);
  watchers.forEach((watcher) => watcher(notices));
}

export function say(text: string, more: { advice?: string; bad?: boolean } = {}): void {
  const notice = { id: next++, text, advice: more.advice ?? "", bad: more.bad ?? false };
  notices = [...notices.slice(-3), notice];
  watchers.forEach((watcher) => watcher(notices));
  if (!notice.bad) {
    setTimeout(() => dismiss(notice.id), kShown); // an error stays until somebody has read it
  }
}
