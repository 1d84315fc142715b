import type { ComponentChildren } from "preact";
import { Icon } from "./icons";

export function Empty({ text, children }: { text: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="strong">{text}</p>
      {children && <p class="muted">{children}</p>}
    </div>
  );
}

export function Failure({ text, advice }: { text: string; advice?: string }) {
  return (
    <div class="failure" role="alert">
      <Icon name="failed" size={18} />
      <div>
        <p class="strong">{text}</p>
        {advice && <p>{advice}</p>}
      </div>
    </div>
  );
}
