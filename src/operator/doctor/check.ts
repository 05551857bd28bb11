/** One thing that has to be true before links work, looked at live. */
export interface Check {
  name: string;
  ok: boolean;
  /** What was seen, and what it proves. */
  message: string;
  /** What to do; present where it is not ok. */
  fix?: string;
}

export type Verdict = Omit<Check, 'name'>;

export function fine(message: string): Verdict {
  return { ok: true, message };
}

export function wrong(message: string, fix: string): Verdict {
  return { ok: false, message, fix };
}

/** Looks at one thing. Whatever is thrown, or takes longer than `timeoutMs`, is a check that failed. */
export async function check(
  name: string,
  look: () => Promise<Verdict>,
  { timeoutMs, fix }: { timeoutMs: number; fix: string },
): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => resolve(wrong(`No answer within ${timeoutMs / 1_000} s.`, fix)), timeoutMs);
  });
  try {
    return { name, ...(await Promise.race([look(), late])) };
  } catch (error) {
    const said = error instanceof Error ? error.name : 'unknown error';
    return { name, ...wrong(`It could not be checked: ${said}.`, fix) };
  } finally {
    clearTimeout(timer);
  }
}
