import type { Atomic, Plaid } from '../../providers/types';
import type { Check } from './check';
import { checkAtomic, checkPlaid } from './provider-checks';
import { checkClock } from './public-url-checks';
import { cheapTemporalChecks, type NamespacePlace } from './temporal-checks';

/** A Link token needs one, and a token that is not used causes no webhook. */
const WEBHOOK_URL = 'https://processor-link.invalid/webhooks/plaid';

/** What is wrong of the providers' keys and products. Never rejects, and takes 5 s at the most. */
export async function providerProblems({
  plaid,
  atomic,
}: {
  plaid?: Plaid;
  atomic?: Atomic;
}): Promise<Check[]> {
  const checks = await Promise.all([
    ...(plaid ? [checkPlaid(plaid, WEBHOOK_URL)] : []),
    ...(atomic ? [checkAtomic(atomic)] : []),
  ]);
  return checks.flat().filter(({ ok }) => !ok);
}

/**
 * What is wrong of the things that a worker can prove as it starts, by a few calls that leave nothing behind. Never rejects,
 * and takes 5 s at the most.
 */
export async function problemsAtStart({
  place,
  plaid,
  atomic,
}: {
  place: NamespacePlace;
  plaid: { calls: Plaid; baseUrl: string };
  atomic: Atomic;
}): Promise<Check[]> {
  const groups = await Promise.all([
    providerProblems({ plaid: plaid.calls, atomic }),
    checkClock(plaid.baseUrl),
    cheapTemporalChecks(place),
  ]);
  return groups.flat().filter(({ ok }) => !ok);
}
