import type { Activities } from '../activities';
import type { LinkRun } from './link-run';
import { failureOf, type StepFailure } from './step-failure';

/**
 * Looks at the Item and records what it finds: that the user has to act, or that all is well, under the account's
 * present id, or that the Item is lost for good. Any other failure changes nothing and is answered. `confirmed`: somebody
 * says that the user has signed in again, which settles a warning too.
 */
export async function inspectItem(
  link: LinkRun,
  steps: Activities,
  { confirmed = false }: { confirmed?: boolean } = {},
): Promise<{ historyReady: boolean; failure?: StepFailure }> {
  link.noteLength();
  const { userId, sealedAccessToken, account: known } = link.facts;
  if (sealedAccessToken === undefined) return { historyReady: false };
  try {
    const { needsAttention, account, historyReady } = await steps.inspectItem({
      userId,
      sealedAccessToken,
      ...(known && { known }),
    });
    if (needsAttention === undefined)
      link.apply({ type: 'repaired', confirmed, ...(account && { account }) });
    else link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    return { historyReady };
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (failure.code === 'access_revoked' || failure.code === 'relink_required')
      link.apply({ type: 'item_lost', reason: failure });
    if (failure.code === 'sign_in_required')
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    return { historyReady: false, failure };
  }
}
