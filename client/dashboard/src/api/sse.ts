/** Cuts a text/event-stream into messages, however its bytes come in. */
export class SseParser {
  private rest = "";
  private id = "";
  private data: string[] = [];

  /** The messages that are whole with this piece. */
  push(piece: string): { id: string; data: string }[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    const messages: { id: string; data: string }[] = [];
    for (const line of lines) {
      if (line === "") {
        if (this.data.length > 0) {
          messages.push({ id: this.id, data: this.data.join("\n") });
        }
        this.data = [];
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (field === "data") {
        this.data.push(value ?? "");
      } else if (field === "id") {
        this.id = value ?? "";
      }
    }
    return messages;
  }
}
