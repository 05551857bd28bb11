import type { Activities } from '../activities';
import { CONSENT_REQUIRED } from '../src/contract/plaid';
import type { LinkEvent } from './facts';
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
  link.span.noteLength();
  const { userId, sealedAccessToken, lacksConsent, chosenAccountId } = link.facts;
  if (sealedAccessToken === undefined) return { historyReady: false };
  try {
    const { needsAttention, finding, historyReady } = await steps.inspectItem({
      userId,
      sealedAccessToken,
      ...(lacksConsent && { lacksConsent }),
      ...link.wantedAccount,
    });
    // What was seen of the account was overtaken by the user's choice.
    if (link.facts.chosenAccountId !== chosenAccountId) return { historyReady };
    if (needsAttention !== undefined) link.apply(signInNeeded(needsAttention));
    else if (finding && 'problem' in finding)
      link.apply({ type: 'account_unclear', code: finding.problem, choices: finding.choices });
    else link.apply({ type: 'repaired', confirmed, ...(link.facts.account && finding) });
    return { historyReady };
  } catch (error) {
    const failure = failureOf(error);
    if (!failure) throw error;
    if (failure.code === 'access_revoked' || failure.code === 'relink_required')
      link.apply({ type: 'item_lost', reason: failure });
    if (failure.code === 'sign_in_required') link.apply(signInNeeded(failure.details?.providerCode));
    return { historyReady: false, failure };
  }
}

/** The user has to act at the bank, for the reason that Plaid gives. */
export function signInNeeded(plaidCode: string | undefined): LinkEvent {
  return {
    type: 'attention_needed',
    code: 'sign_in_required',
    ...(plaidCode === CONSENT_REQUIRED && { lacksConsent: true }),
  };
}
