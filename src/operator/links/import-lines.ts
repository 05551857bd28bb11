import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import type { PlaidEnvironment } from '../../contract/plaid';
import { type StartLink, startLinkSchema } from '../../contract/schemas';

/** A line of a file to import. `message` never holds anything of the line but the names of known fields. */
export type ImportLine = { line: number; userId?: string } & (
  | { ok: true; userId: string; request: StartLink }
  | { ok: false; message: string }
);

/**
 * The lines of a file, the first being 1; empty ones are left out. Holds one at a time in memory. A token of another
 * environment than Plaid's `environment` is wrong.
 */
export async function* importLines(file: string, environment: PlaidEnvironment): AsyncGenerator<ImportLine> {
  const firstLineOf = new Map<string, number>();
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line += 1;
    if (text.trim() === '') continue;
    const read = readLine(text, line, environment);
    const first = read.userId === undefined ? undefined : firstLineOf.get(read.userId);
    if (read.userId !== undefined && first === undefined) firstLineOf.set(read.userId, line);
    yield first === undefined
      ? read
      : {
          line,
          ...(read.userId && { userId: read.userId }),
          ok: false,
          message: `line ${first} has this user`,
        };
  }
}

function readLine(text: string, line: number, environment: PlaidEnvironment): ImportLine {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { line, ok: false, message: 'is not JSON' };
  }
  const parsed = startLinkSchema.safeParse(body);
  if (!parsed.success) return { line, ok: false, message: parsed.error.issues.map(wordsOf).join('; ') };
  const request: StartLink = parsed.data;
  const { userId } = request;
  if (request.accessToken === undefined) {
    return {
      line,
      userId,
      ok: false,
      message: 'accessToken: is missing (a public token is too old by then)',
    };
  }
  if (request.accessToken.split('-')[1] !== environment) {
    const message = `accessToken: is not of Plaid's ${environment}, which PLAID_ENV names`;
    return { line, userId, ok: false, message };
  }
  return { line, userId, ok: true, request };
}

function wordsOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || 'line';
  // The name of an unknown field is the file's own text.
  if (issue.code === 'unrecognized_keys') return `${path}: has a field that is not known`;
  return `${path}: ${issue.message}`;
}
