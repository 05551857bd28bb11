import { ApplicationFailure, condition, sleep } from '@temporalio/workflow';
import { inspectItem, signInNeeded } from './inspect-item';
import type { LinkRun } from './link-run';
import { nextStep } from './next-step';
import { failureOf, mayHaveHappenedMs } from './step-failure';

/**
 * Between attempts at the exchange that may have reached Plaid, of which there are one more than pauses. Those that cannot
 * have reached it are made under the step's own budget.
 */
const EXCHANGE_PAUSES_MS = [15_000, 120_000];
/** How often Plaid is asked whether the history is in: 30 s, doubling, to 10 minutes. */
const HISTORY_CHECK_MS = { first: 30_000, longest: 600_000 } as const;

/** Step 1: Plaid `/item/public_token/exchange`. The token is single-use, so the answer is waited for, unlinked or not. */
export async function exchangePublicToken(link: LinkRun): Promise<void> {
  const { userId, sealedPublicToken } = link.input;
  if (sealedPublicToken === undefined)
    throw ApplicationFailure.nonRetryable(
      'The input has neither a public nor an access token.',
      'internal_error',
    );
  await link.span.during(['settling'], async () => {
    for (let unheard = 1; ; unheard += 1) {
      try {
        const exchanged = await link.exchange.exchangePublicToken({ userId, sealedPublicToken });
        link.apply({ type: 'exchanged', ...exchanged });
        return;
      } catch (error) {
        const pauseMs = EXCHANGE_PAUSES_MS[unheard - 1];
        if (pauseMs === undefined || mayHaveHappenedMs(failureOf(error)) === undefined) throw error;
        await sleep(pauseMs, { summary: 'the exchange again, whose answer was lost' });
      }
    }
  });
  link.inbox.readEarly();
}

/** Step 2: Plaid `/processor/token/create` for the link's account. One that is made twice ends with its Item. */
export async function createProcessorToken(link: LinkRun): Promise<void> {
  const { userId, sealedAccessToken } = link.facts;
  if (sealedAccessToken === undefined) return;
  try {
    const created = await link.setup.createProcessorToken({
      userId,
      sealedAccessToken,
      ...link.wantedAccount,
    });
    link.useSettings(created.settings);
    link.apply({ type: 'item_known', itemId: created.itemId });
    if ('problem' in created)
      link.apply({ type: 'account_unclear', code: created.problem, choices: created.choices });
    else {
      const { account, sealedProcessorToken, settings } = created;
      const awaitHistory = settings.waitForHistoryMs > 0;
      link.apply({ type: 'processor_token_created', account, sealedProcessorToken, awaitHistory });
    }
  } catch (error) {
    const failure = failureOf(error);
    if (failure?.code !== 'sign_in_required') throw error;
    link.apply(signInNeeded(failure.details?.providerCode));
  }
  link.inbox.readEarly();
}

/** Waits, where the settings ask for it, until Plaid has the full history or the time for that has passed. */
export async function waitForHistory(link: LinkRun): Promise<void> {
  const { waitForHistoryMs } = await link.readSettings();
  const endMs = Date.parse(link.facts.historyAwaitedSince ?? '') + waitForHistoryMs;
  const isOver = () => link.span.shouldMakeWay || nextStep(link.facts) !== 'wait_for_history';
  let intervalMs: number = HISTORY_CHECK_MS.first;
  while (!isOver()) {
    const { historyReady } = await inspectItem(link, link.setup);
    const leftMs = endMs - Date.now();
    if (historyReady || leftMs <= 0) link.apply({ type: 'history_ready' });
    if (await condition(isOver, Math.min(intervalMs, Math.max(leftMs, 1)))) return;
    intervalMs = Math.min(intervalMs * 2, HISTORY_CHECK_MS.longest);
  }
}
