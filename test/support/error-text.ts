import { inspect } from 'node:util';

/** Everything that a log, a history or a debugger could show of an error, its hidden fields and causes too. */
export function textOfError(error: unknown): string {
  const parts = [inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error), String(error)];
  if (error instanceof Error) parts.push(error.stack ?? '', textOfError(error.cause ?? null));
  return parts.join('\n');
}

/** What a promise is rejected with; throws when it is fulfilled. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const settled = await promise.then(
    () => ({ rejected: false, error: undefined }),
    (error: unknown) => ({ rejected: true, error }),
  );
  if (!settled.rejected) throw new Error('The call succeeded, but was to fail.');
  return settled.error;
}
