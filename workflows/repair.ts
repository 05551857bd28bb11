import type { LinkRun } from './link-run';
import { type Budget, failureOf, quickly, type StepFailure } from './steps';

/**
 * Looks at the Item and records what it finds: that the user has to act, or that all is well, under the account's
 * present id, or that the Item is lost for good. Any other failure changes nothing and is answered. `confirmed`: somebody
 * says that the user has signed in again, which settles a warning too.
 */
export async function inspectItem(
  link: LinkRun,
  budget: Budget,
  { confirmed = false }: { confirmed?: boolean } = {},
): Promise<{ historyReady: boolean; failure?: StepFailure }> {
  link.noteLength();
  const { sealedAccessToken, record } = link;
  if (sealedAccessToken === undefined) return { historyReady: false };
  try {
    const { needsAttention, account, historyReady } = await quickly('inspectItem', budget, () => undefined, {
      userId: link.input.userId,
      sealedAccessToken,
      ...(record.account && { known: record.account }),
    });
    if (needsAttention !== undefined) {
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    } else {
      link.apply({ type: 'repaired', confirmed, ...(account && { account }) });
      if (!link.record.connected) link.disconnect();
    }
    return { historyReady };
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (failure.code === 'access_revoked' || failure.code === 'relink_required') link.lost = failure;
    if (failure.code === 'sign_in_required')
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    return { historyReady: false, failure };
  }
}
