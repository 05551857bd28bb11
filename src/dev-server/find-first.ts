/** One way to get at an executable. It answers a path, or a sentence on why it has none; it may throw, which means the same. */
export interface Way {
  name: string;
  find: () => Promise<{ path: string } | { reason: string }>;
}

/** Why each way that was tried gave no path. */
export type Attempts = Map<string, string>;

/** No way led to an executable. The message says what to install, in a sentence, and lists what was tried. */
export class ExecutableNotFoundError extends Error {
  constructor(what: string, attempts: Attempts, remedies: readonly string[]) {
    const tried = [...attempts].map(
      ([name, reason]) => `  - ${name}: ${reason.replaceAll('\n', '\n      ')}`,
    );
    const help = remedies.length === 1 ? remedies : [remedies.slice(0, -1).join('; '), remedies.at(-1)];
    super(
      [`${what} was not found and could not be made: ${help.join('; or ')}. Tried:`, ...tried].join('\n'),
    );
    this.name = 'ExecutableNotFoundError';
  }
}

/** Tries the ways in order, until one answers a path. The reasons of those that did not are added to `attempts`. */
export async function findFirst(ways: readonly Way[], attempts: Attempts): Promise<string | undefined> {
  for (const { name, find } of ways) {
    try {
      const found = await find();
      if ('path' in found) return found.path;
      attempts.set(name, found.reason);
    } catch (error) {
      attempts.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return undefined;
}
