/** Less than a test has, so that what hangs is named before the test is given up. */
const WITHIN_MS = 45_000;

/**
 * The promise, or after so many milliseconds an error that says what was waited for. `state` adds how things stand then.
 */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  { timeoutMs = WITHIN_MS, state }: { timeoutMs?: number; state?: () => Promise<string> } = {},
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  try {
    const first = await Promise.race([promise.then((value) => ({ value })), late]);
    if (first !== 'late') return first.value;
  } finally {
    clearTimeout(timer);
  }
  promise.catch(() => undefined);
  const stands = await state?.().catch((error: unknown) => `It cannot be asked how it stands: ${error}`);
  throw new Error([`${what}: not within ${timeoutMs} ms.`, ...(stands ? [stands] : [])].join(' '));
}
