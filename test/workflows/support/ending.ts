import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isFailureCode } from '../../../src/contract/failures';
import { JOBS } from '../../../src/contract/jobs';
import type { LinkView } from '../../../src/contract/schemas';
import { getJob, getLink, type Handle } from '../../support/link-calls';
import type { World } from '../../support/world';

export interface Ending {
  status: string;
  view: LinkView;
  /** Set when the run failed: the ApplicationFailure that it failed with. */
  failure?: { type: string | undefined; nonRetryable: boolean | undefined };
}

/** Lets time pass until the run has closed, and tells how. */
export async function endingOf(world: World, handle: Handle): Promise<Ending> {
  await world.closed(handle);
  const failure = await handle.result().then(
    () => undefined,
    (error: unknown) => {
      if (!(error instanceof WorkflowFailedError)) throw error;
      const { cause } = error;
      return cause instanceof ApplicationFailure
        ? { type: cause.type ?? undefined, nonRetryable: cause.nonRetryable ?? undefined }
        : undefined;
    },
  );
  const { status } = await handle.describe();
  return { status: status.name, view: await getLink(handle), ...(failure && { failure }) };
}

/** Cancels, which is unlink, and lets time pass until the run has closed. */
export async function cancelled(world: World, handle: Handle): Promise<Ending> {
  await handle.cancel();
  return endingOf(world, handle);
}

/** Neither provider holds anything of the user's that we could remove. */
export function expectNothingLeft({ plaid, atomic }: World, userId: string): void {
  const { items, liveProcessorTokens } = plaid.leftovers(userId);
  expect({ items, liveProcessorTokens, registrations: atomic.links(userId) }).toEqual({
    items: [],
    liveProcessorTokens: 0,
    registrations: [],
  });
}

/** The run was unlinked, and what is still read of it holds neither a result nor a token. */
export async function expectUnlinked(world: World, handle: Handle, ending: Ending): Promise<void> {
  expect({ status: ending.status, state: ending.view.state }).toEqual({
    status: 'CANCELLED',
    state: 'unlinked',
  });
  expectNothingLeft(world, ending.view.userId);
  for (const job of JOBS) expect((await getJob(handle, job)) ?? {}).not.toHaveProperty('result');
  expect(JSON.stringify(ending.view)).not.toMatch(/(public|access|processor)-(sandbox|production)-/);
}

/** The link failed for good: with its code, and with nothing left behind. */
export async function expectFailed(
  world: World,
  handle: Handle,
  ending: Ending,
  code: string,
): Promise<void> {
  expect(isFailureCode(code)).toBe(true);
  expect(ending).toMatchObject({
    status: 'FAILED',
    failure: { type: code, nonRetryable: true },
    view: { state: 'failed', error: { code } },
  });
  expectNothingLeft(world, ending.view.userId);
  for (const job of JOBS) expect((await getJob(handle, job)) ?? {}).not.toHaveProperty('result');
}
