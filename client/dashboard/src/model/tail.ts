// The end of a growing file that a restart may cut back. Pure.

export const kTailBytes = 96 * 1024;
const kMostText = 200_000; // characters kept

export interface Chunk {
  offset: number; ///< of its first byte; smaller than asked for when the file was cut back
  data: Uint8Array;
}

export class Tail {
  next: number | null = null; ///< the byte to ask for; null: not begun
  text = "";
  private decoder = new TextDecoder();
  private cut = false;

  /** `offset` > 0: the first line is likely not whole, and is left out. */
  begin(offset: number): void {
    this.next = offset;
    this.text = "";
    this.decoder = new TextDecoder();
    this.cut = offset > 0;
  }

  /** True when the text has changed. */
  take(chunk: Chunk): boolean {
    if (this.next === null || chunk.offset < this.next) {
      // Cut back by a restart: what is shown is no longer in the file. The tail is read anew.
      const changed = this.text !== "";
      this.next = null;
      this.text = "";
      return changed;
    }
    if (chunk.data.length === 0) {
      return false;
    }
    this.next = chunk.offset + chunk.data.length;
    this.text += plain(this.decoder.decode(chunk.data, { stream: true }));
    if (this.cut && this.text.includes("\n")) {
      this.text = this.text.slice(this.text.indexOf("\n") + 1);
      this.cut = false;
    }
    if (this.text.length > kMostText) {
      const from = this.text.length - kMostText;
      this.text = this.text.slice(this.text.indexOf("\n", from) + 1 || from);
    }
    return true;
  }
}

/** Without colours and cursor movements; a line that was written over (\r) shows its last state. */
export function plain(text: string): string {
  return text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "")
    .replace(/\r\n/g, "\n")
    .replace(/[^\n]*\r(?!$)/g, "");
}
