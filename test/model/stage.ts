import { startWorld, type World } from '../support/world';

/** Where links are played one after the other: a worker and providers, with settings that make seconds of days. */
export interface Stage {
  world: World;
  close(): Promise<void>;
}

/** So few that links are evicted and replayed all the time. */
const CACHED_WORKFLOWS = 2;
const GIVE_UP_MS = 2_500;
/** Long enough for a job without a result to be given up. */
export const LONG_MS = GIVE_UP_MS + 100;
export const WAIT_FOR_HISTORY_MS = 1_000;

export async function openStage(address: string, encryptionKeys: string): Promise<Stage> {
  const world = await startWorld({
    address,
    encryptionKeys,
    maxCachedWorkflows: CACHED_WORKFLOWS,
    settings: { resultOverdueAfterMs: 300, resultGiveUpAfterMs: GIVE_UP_MS },
  });
  world.atomic.settings.jobDelayMs = 'manual';
  return { world, close: () => world.close() };
}
