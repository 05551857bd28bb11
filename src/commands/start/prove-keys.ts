import { providerProblems } from '../../operator/doctor/at-start';
import { StartError } from '../../process/start-error';
import { atomicOf, plaidOf } from '../../process/wiring';
import type { LocalSettings } from '../../settings/schemas';

/** Asks the real providers, where the settings name their keys, before anything is started. Throws {@link StartError}. */
export async function proveKeys({ plaid, atomic }: Pick<LocalSettings, 'plaid' | 'atomic'>): Promise<void> {
  const [problem] = await providerProblems({
    ...(plaid && { plaid: plaidOf(plaid) }),
    ...(atomic && { atomic: atomicOf(atomic) }),
  });
  if (problem) throw new StartError([problem.message, problem.fix].filter(Boolean).join(' '));
}
