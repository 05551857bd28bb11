const KEPT_CHARACTERS = 8_000;

/** The end of a process's output, for the message when it fails. */
export class OutputTail {
  #text = '';

  add(chunk: string | Buffer): void {
    this.#text = (this.#text + chunk.toString()).slice(-KEPT_CHARACTERS);
  }

  /** At most the last `lines` lines, without blank ones. */
  last(lines: number): string {
    return this.#text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '')
      .slice(-lines)
      .join('\n');
  }
}
