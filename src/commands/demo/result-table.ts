/** Results as small tables. Their shape is Atomic's, so what is not there is left blank. */
import type { Job } from '../../contract/jobs';

interface Column {
  title: string;
  /** Where the value is: names of fields, one in the other. */
  path: readonly string[];
}

const COLUMNS: Readonly<Record<Job, readonly Column[]>> = {
  'employer-classification': [
    { title: 'employer', path: ['company', 'name'] },
    { title: 'confidence', path: ['confidence'] },
    { title: 'pay cycle', path: ['payCycle'] },
    { title: 'average', path: ['averageAmount'] },
    { title: 'payments', path: ['transactionCount'] },
  ],
  'recurrence-detection': [
    { title: 'recurring', path: ['description'] },
    { title: 'direction', path: ['direction'] },
    { title: 'frequency', path: ['frequency'] },
    { title: 'average', path: ['averageAmount'] },
    { title: 'next', path: ['nextExpectedDate'] },
  ],
};
const MAX_ROWS = 8;
const MAX_WIDTH = 32;

/** Lines of a table of a job's result. */
export function resultTable(job: Job, result: unknown): string[] {
  if (!Array.isArray(result)) return [JSON.stringify(result ?? null).slice(0, 200)];
  if (result.length === 0) return ['(nothing found)'];
  const columns = COLUMNS[job];
  const rows = result.slice(0, MAX_ROWS).map((row: unknown) => columns.map(({ path }) => textAt(row, path)));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const more = result.length > MAX_ROWS ? [`… and ${result.length - MAX_ROWS} more`] : [];
  return [
    line(columns.map(({ title }) => title)),
    line(widths.map((width) => '─'.repeat(width))),
    ...rows.map(line),
    ...more,
  ];
}

function textAt(row: unknown, path: readonly string[]): string {
  let value: unknown = row;
  for (const name of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  }
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return '';
  const text = /^\d{4}-\d{2}-\d{2}T/.test(value) ? value.slice(0, 10) : value;
  // Control characters of a provider's text have no business in a terminal.
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ').slice(0, MAX_WIDTH);
}
