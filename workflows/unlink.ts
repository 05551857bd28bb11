import { condition, sleep } from '@temporalio/workflow';
import type { LinkRun } from './link-run';
import { ignoreFailure, type Reason } from './step-failure';

/** So long after it was sent, a request has either arrived or never will. */
const LATEST_ARRIVAL_MS = 30_000;

/** Step 7: leaves nothing behind, in the order that ends Atomic's access first. Safe where nothing was done yet. */
export async function unlink(link: LinkRun, failure: Reason | undefined): Promise<void> {
  link.apply({ type: 'ending', ...(failure && { failure }) });
  await condition(() => link.span.isSettledDown);
  const { userId, mayBeRegistered, madeItem, sealedAccessToken } = link.facts;
  if (mayBeRegistered) await removeProcessorLink(link);
  // An operator may have reset the run, which then knows nothing of what it did before.
  else if (failure) await link.precaution.removeProcessorLink({ userId }).catch(ignoreFailure);
  if (madeItem && sealedAccessToken !== undefined) {
    if (failure || (await link.readSettings()).removeItemOnUnlink)
      await link.cleanup.removeItem({ userId, sealedAccessToken });
  }
  link.apply({ type: 'ended' });
}

/** Atomic `DELETE /plaid/processor-link`, again where a registration may have arrived since. */
export async function removeProcessorLink(link: LinkRun): Promise<void> {
  const { userId, unheardRegistrationAt } = link.facts;
  const arrivedMs = Date.parse(unheardRegistrationAt ?? '') + LATEST_ARRIVAL_MS;
  const mayArrive = arrivedMs > Date.now();
  await link.cleanup.removeProcessorLink({ userId });
  if (!mayArrive) return;
  const leftMs = Math.max(arrivedMs - Date.now(), 1);
  await sleep(leftMs, { summary: 'a registration may still arrive' });
  await link.cleanup.removeProcessorLink({ userId });
}
