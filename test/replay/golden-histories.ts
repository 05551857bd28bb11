import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';

export const HISTORIES_FOLDER = join(__dirname, 'histories');
const KEYS_FILE = join(__dirname, 'keys', 'encryption-keys.txt');

/** `ENCRYPTION_KEYS` that the histories were recorded under. */
export async function goldenKeys(): Promise<string> {
  return (await readFile(KEYS_FILE, 'utf8')).trim();
}

export interface GoldenHistory {
  /** Of the file, without its ending. */
  name: string;
  workflowId: string;
  history: temporal.api.history.v1.History;
  events: number;
  bytes: number;
}

const ENDING = '.jsonl';
const eventsSchema = z
  .tuple([
    z.looseObject({ workflowExecutionStartedEventAttributes: z.looseObject({ workflowId: z.string() }) }),
  ])
  .rest(z.unknown());

/** The file of a history: an event a line, so that what has changed in it shows. */
export function fileOfHistory(name: string): string {
  return join(HISTORIES_FOLDER, `${name}${ENDING}`);
}

/** Every history that was recorded, by name. */
export async function goldenHistories(): Promise<GoldenHistory[]> {
  const files = (await readdir(HISTORIES_FOLDER)).filter((file) => file.endsWith(ENDING)).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(HISTORIES_FOLDER, file), 'utf8');
      const events = eventsSchema.parse(
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
      return {
        name: file.slice(0, -ENDING.length),
        workflowId: events[0].workflowExecutionStartedEventAttributes.workflowId,
        history: temporal.api.history.v1.History.fromObject({ events }),
        events: events.length,
        bytes: text.length,
      };
    }),
  );
}
