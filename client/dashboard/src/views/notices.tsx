import { useWatched } from "../hooks";
import { currentNotices, dismiss, onNotices } from "../notices";
import { Icon } from "./icons";
import { Prose } from "./prose";

/** Both regions are always there: a screen reader watches only those that it has seen empty. */
export function Notices() {
  const notices = useWatched(currentNotices, onNotices);
  return (
    <div class="notices">
      <div role="status" aria-live="polite">
        {notices.filter((notice) => !notice.bad).map(shown)}
      </div>
      <div role="alert">{notices.filter((notice) => notice.bad).map(shown)}</div>
    </div>
  );
}

function shown(notice: { id: number; text: string; advice: string; bad: boolean }) {
  return (
    <div class={`notice ${notice.bad ? "notice-bad" : ""}`} key={notice.id}>
      <Icon name={notice.bad ? "failed" : "completed"} />
      <div>
        <p>{notice.text}</p>
        {notice.advice && (
          <p class="muted">
            <Prose text={notice.advice} />
          </p>
        )}
      </div>
      <button class="icon-button small" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
