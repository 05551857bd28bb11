import type { LinkRun } from './link-run';
import { type Budget, failureOf, quickly } from './steps';

/**
 * Looks at the Item and records what it finds: that the user has to act, or that all is well, under the account's
 * present id, or that the Item is lost for good. Any other failure changes nothing.
 */
export async function inspectItem(link: LinkRun, budget: Budget): Promise<{ historyReady: boolean }> {
  const { sealedAccessToken, record } = link;
  if (sealedAccessToken === undefined) return { historyReady: false };
  try {
    const inspection = await quickly('inspectItem', budget, () => undefined, {
      userId: link.input.userId,
      sealedAccessToken,
      ...(record.account && { known: record.account }),
    });
    if (inspection.needsAttention !== undefined) {
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    } else {
      const { account } = inspection;
      if (account && account.accountId !== record.account?.accountId) link.sealedProcessorToken = undefined;
      link.apply({ type: 'repaired', ...(account && { account }) });
    }
    return { historyReady: inspection.historyReady };
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (failure.code === 'access_revoked' || failure.code === 'relink_required') link.lost = failure;
    if (failure.code === 'sign_in_required')
      link.apply({ type: 'attention_needed', code: 'sign_in_required' });
    return { historyReady: false };
  }
}
