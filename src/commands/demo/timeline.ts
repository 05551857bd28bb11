/** What the demo shows: one line for each thing that happens. No token is ever in it. */
import { type WatchedCall, watchCalls } from '../../local/watch-calls';
import type { Atomic, Plaid } from '../../providers/types';

export type Write = (line: string) => void;

interface Style {
  dim(text: string): string;
  bold(text: string): string;
  green(text: string): string;
  red(text: string): string;
}

/** ANSI colours, or none where no terminal shows them. */
export function styleFor(isTerminal: boolean): Style {
  const sgr = (code: number) => (text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { dim: sgr(2), bold: sgr(1), green: sgr(32), red: sgr(31) };
}

export class Timeline {
  readonly #write: Write;
  readonly #style: Style;
  readonly #columns: number;
  readonly #startedAt = performance.now();

  /** `columns` is the width of the terminal. */
  constructor(write: Write, style: Style, columns = Number.POSITIVE_INFINITY) {
    this.#write = write;
    this.#style = style;
    this.#columns = columns;
  }

  /** `took` is in milliseconds; undefined for what has no length. */
  add(who: string, what: string, { tookMs, note }: { tookMs?: number; note?: string } = {}): void {
    const at = ((performance.now() - this.#startedAt) / 1000).toFixed(2).padStart(6);
    const took = (tookMs === undefined ? '' : `${Math.round(tookMs)} ms`).padStart(8);
    const time = `${at} s  `;
    const facts = `${time}${this.#style.bold(who.padEnd(9))} ${what.padEnd(41)} ${took}`.trimEnd();
    const indent = ' '.repeat(time.length + 10);
    const width = indent.length + 41 + took.length + 1;
    if (note === undefined) this.#write(facts);
    else if (width + 2 + note.length <= this.#columns) this.#write(`${facts}  ${this.#style.dim(note)}`);
    else for (const line of [facts, `${indent}${this.#style.dim(note)}`]) this.#write(line);
  }

  /** The link reached another state. */
  state(what: string): void {
    this.add('link', this.#style.green(what));
  }

  plaid(client: Plaid): Plaid {
    return watchCalls(client, (call) => this.#call('to Plaid', call));
  }

  atomic(client: Atomic): Atomic {
    return watchCalls(client, (call) => this.#call('to Atomic', call));
  }

  #call(who: string, { what, note, failed, tookMs }: WatchedCall): void {
    this.add(who, what, { tookMs, note: failed ? this.#style.red(note) : note });
  }
}
