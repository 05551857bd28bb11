import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { AtomicState, PlaidState } from '../simulators';
import { errorCode } from '../system/error-code';

/** Of the shape below. What another version wrote is left aside: it is only simulated. */
const VERSION = 1;
const SAVE_EVERY_MS = 250;

export interface SimulatorState {
  version: typeof VERSION;
  plaid?: PlaidState;
  atomic?: AtomicState;
}

interface Dumpable<State> {
  ledger: { readonly lastSeq: number };
  dump(): State;
}

/** What the simulators of an earlier run left; undefined where there was none. */
export async function loadSimulatorState(file: string): Promise<SimulatorState | undefined> {
  try {
    const state: SimulatorState = JSON.parse(await readFile(file, 'utf8'));
    return state.version === VERSION ? state : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes down what the simulators hold whenever it has changed. Resolves, when asked to end, with the last of it written. */
export function keepSimulatorState(
  file: string,
  simulators: { plaid: Dumpable<PlaidState> | undefined; atomic: Dumpable<AtomicState> | undefined },
): () => Promise<void> {
  const { plaid, atomic } = simulators;
  let savedAt = '';
  let saving = Promise.resolve();
  const save = async () => {
    const at = `${plaid?.ledger.lastSeq} ${atomic?.ledger.lastSeq}`;
    if (at === savedAt) return;
    savedAt = at;
    const state: SimulatorState = {
      version: VERSION,
      ...(plaid && { plaid: plaid.dump() }),
      ...(atomic && { atomic: atomic.dump() }),
    };
    // The file is whole at any moment.
    const draft = `${file}.draft`;
    await writeFile(draft, JSON.stringify(state), { mode: 0o600 });
    await rename(draft, file).catch(() => rm(draft, { force: true }));
  };
  const queue = () => {
    saving = saving.then(save, save);
    return saving;
  };
  const timer = setInterval(() => void queue().catch(() => undefined), SAVE_EVERY_MS);
  return async () => {
    clearInterval(timer);
    await queue();
  };
}
