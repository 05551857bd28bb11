import { condition } from '@temporalio/workflow';
import { inspectItem } from './inspect-item';
import type { LinkRun } from './link-run';
import { nextStep } from './next-step';
import { nextPollMs } from './poll-schedule';
import { linkFailure } from './step-failure';
import { removeProcessorLink } from './unlink';

/** While the user has to act, the Item is looked at after so long, then at intervals that double up to a day. */
const FIRST_LOOK_AFTER_MS = 15 * 60_000;

/** Something suggests that the Item has changed: a sign-in that is needed, or repaired. */
export async function lookAtItem(link: LinkRun): Promise<void> {
  const { repairClaimed: confirmed = false, warningHeard: warning } = link.facts;
  link.apply({ type: 'looked' });
  await inspectItem(link, link.setup, { confirmed });
  if (warning && !link.facts.lost) link.apply({ type: 'warned', warning });
}

/** Waits for the user, and looks at the Item now and then: no webhook may say that it is in order again. */
export async function waitForUser(link: LinkRun): Promise<void> {
  const { attentionGiveUpAfterMs } = await link.readSettings();
  const elapsedMs = () => Date.now() - Date.parse(link.facts.attentionSince ?? '');
  const isOver = () => link.span.shouldMakeWay || nextStep(link.facts) !== 'wait_for_user';
  // What came due while the run before made way is still to be done.
  let doneMs = link.facts.looksMs ?? elapsedMs();
  while (!isOver()) {
    const lookMs = nextPollMs(doneMs, FIRST_LOOK_AFTER_MS, attentionGiveUpAfterMs);
    if (lookMs === undefined) throw linkFailure({ code: link.facts.attention ?? 'sign_in_required' });
    const summary = 'looks at the Item';
    if (await condition(isOver, Math.max(lookMs - elapsedMs(), 1), { summary })) break;
    await inspectItem(link, link.setup);
    doneMs = Math.max(lookMs, elapsedMs());
  }
  if (link.span.shouldMakeWay) link.apply({ type: 'looks_interrupted', looksMs: doneMs });
}

/** The bank withdrew the account: Atomic drops it, and the user is asked to choose one again. */
export async function withdrawAccount(link: LinkRun): Promise<void> {
  link.apply({ type: 'attention_needed', code: 'access_revoked' });
  await condition(() => link.span.isSettledDown);
  if (link.facts.mayBeRegistered) await removeProcessorLink(link);
  link.apply({ type: 'account_withdrawn' });
}
