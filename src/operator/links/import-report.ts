import { appendFile, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errorCode } from '../../system/error-code';

const rowSchema = z.object({
  line: z.int(),
  userId: z.string().optional(),
  /** `found`: the same request had started the link before. */
  outcome: z.enum(['started', 'found', 'failed']),
  code: z.string().optional(),
  message: z.string().optional(),
});
export type ImportRow = z.infer<typeof rowSchema>;

/** What became of each line of a file to import, kept beside the file. It holds no token. */
export interface ImportReport {
  path: string;
  /** Users who were imported by an earlier run. */
  done: ReadonlySet<string>;
  add(row: ImportRow): Promise<void>;
}

export async function openImportReport(file: string): Promise<ImportReport> {
  const path = `${file}.report.jsonl`;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  });
  const done = new Set<string>();
  for (const line of text.split('\n')) {
    const row = rowOf(line);
    if (row?.userId !== undefined && row.outcome !== 'failed') done.add(row.userId);
  }
  // The end of a row that a crash cut short.
  let before = text === '' || text.endsWith('\n') ? '' : '\n';
  return {
    path,
    done,
    async add(row) {
      const line = `${before}${JSON.stringify(row)}\n`;
      before = '';
      await appendFile(path, line, { mode: 0o600 });
    },
  };
}

function rowOf(line: string): ImportRow | undefined {
  try {
    return rowSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
