/** Worker Deployment Versioning as an operator meets it: builds side by side, links that outlive them. */

import { LinkClient } from '../../src/link-client/link-client';
import { rejectionOf } from '../support/error-text';
import { EMPLOYER, getLink, type Handle, RECURRING, webhook } from '../support/link-calls';
import { useSdkLog } from '../support/sdk-log';
import { until } from '../support/until';
import { NOTED } from './next-build';
import {
  buildsOf,
  finish,
  hasEmployer,
  isLinked,
  isWaiting,
  type Rollout,
  startRollout,
} from './support/rollout';

jest.setTimeout(120_000);

let rollout: Rollout;

useSdkLog();

beforeEach(async () => {
  rollout = await startRollout();
});

afterEach(() => rollout?.close());

const startLink = async (): Promise<Handle> =>
  (await rollout.world.start({ jobs: [EMPLOYER, RECURRING] })).handle;
async function waitingLinks(count: number): Promise<Handle[]> {
  const handles = await Promise.all(Array.from({ length: count }, startLink));
  await Promise.all(handles.map(isWaiting));
  return handles;
}

/** How often the steps that are pending have been tried again. */
async function retries(handle: Handle): Promise<number> {
  const { pendingActivities = [] } = (await handle.describe()).raw;
  return (pendingActivities ?? []).reduce((sum, { attempt = 1 }) => sum + (attempt ?? 1) - 1, 0);
}

async function hasFailedTask(handle: Handle): Promise<boolean> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).some(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes);
}

describe('the first build', () => {
  it('takes no link until it is the current one, and then those that waited', async () => {
    const { client, keyRing, taskQueue } = rollout.world;
    await rollout.deploy('1');
    const handle = await startLink();
    const links = new LinkClient({ client, keyRing, taskQueue, callTimeoutMs: 1_000 });
    const userId = handle.workflowId.replace('processor-link/', '');
    expect(await rejectionOf(links.get(userId))).toMatchObject({ code: 'temporal_unavailable' });
    expect(await buildsOf(handle)).toEqual([]);

    await rollout.promote('1');
    await isWaiting(handle);
    await finish(handle);
    expect(await buildsOf(handle)).toEqual(['1']);
  });

  it('takes over the links that workers without versioning began, once it is the current one', async () => {
    const before = await rollout.deploy(undefined);
    const [early, late] = await twoOf(waitingLinks(2));
    await rollout.deploy('1');
    await finish(early);
    expect(await buildsOf(early)).toEqual(['unversioned']);

    await rollout.promote('1');
    await before.close();
    await finish(late);
    expect(await buildsOf(late)).toEqual(['unversioned', '1']);
  });
});

describe('a new build beside an old one', () => {
  it('takes no link before it is promoted, and all of them at their next task after', async () => {
    const old = await rollout.deploy('1');
    await rollout.promote('1');
    const [early, ...later] = await waitingLinks(6);
    await rollout.deploy('2', 'next');
    if (early) await finish(early);
    expect(await Promise.all([early, ...later].map((handle) => handle && buildsOf(handle)))).toEqual(
      Array.from({ length: 6 }, () => ['1']),
    );

    await rollout.promote('2');
    const fresh = await startLink();
    await isWaiting(fresh);
    await Promise.all(later.map((handle) => webhook(handle, EMPLOYER)));
    await Promise.all(later.map(hasEmployer));
    await old.close();
    await Promise.all([...later, fresh].map(finish));

    for (const handle of later) {
      expect(await buildsOf(handle)).toEqual(['1', '2']);
      // The change took hold in the middle of the link's life.
      expect((await handle.describe()).memo).toMatchObject({ [NOTED]: 'atomicWebhook' });
    }
    expect(await buildsOf(fresh)).toEqual(['2']);
    await fresh.cancel();
    await expect(fresh.result()).rejects.toThrow();
    expect(await getLink(fresh)).toMatchObject({ state: 'unlinked' });
  });

  it('goes on with a link whose step was under way in the old one, without doing the step again', async () => {
    const { plaid } = rollout.world;
    const exchange = '/item/public_token/exchange';
    await rollout.deploy('1');
    await rollout.promote('1');
    await rollout.deploy('2', 'next');
    plaid.faults.add({ operation: exchange, times: 1, kind: { hold: 'exchange' } });
    const handle = await startLink();
    await plaid.ledger.waitForRequest(exchange);
    await rollout.promote('2');
    plaid.faults.release('exchange');

    await isWaiting(handle);
    await finish(handle);
    expect(await buildsOf(handle)).toEqual(['1', '2']);
    expect(plaid.ledger.requests(exchange)).toHaveLength(1);
  });

  it('takes over a step that was being retried in the old one', async () => {
    const { atomic } = rollout.world;
    const register = 'POST /plaid/processor-link';
    const old = await rollout.deploy('1');
    await rollout.promote('1');
    await rollout.deploy('2', 'next');
    const refused = { status: 503, headers: { 'retry-after': '1' } };
    atomic.faults.add({ operation: register, times: 'always', kind: refused });
    const handle = await startLink();
    await until(async () => (await retries(handle)) > 0);
    await rollout.promote('2');
    await old.close();
    atomic.faults.clear();

    await isWaiting(handle);
    await finish(handle);
    expect(await buildsOf(handle)).toEqual(['1', '2']);
  });

  it('is rolled back, and no link is stuck but those that its change went through, until it is back', async () => {
    await rollout.deploy('1');
    await rollout.promote('1');
    const [untouched, changed] = await twoOf(waitingLinks(2));
    await rollout.deploy('2', 'next');
    await rollout.promote('2');
    await webhook(changed, EMPLOYER);
    await hasEmployer(changed);
    const fresh = await startLink();
    await isWaiting(fresh);

    await rollout.promote('1');
    await Promise.all([untouched, fresh].map(finish));
    expect(await buildsOf(untouched)).toEqual(['1']);
    expect(await buildsOf(fresh)).toEqual(['2', '1']);
    await webhook(changed, RECURRING);
    await until(() => hasFailedTask(changed));
    expect((await changed.describe()).status.name).toBe('RUNNING');

    await rollout.promote('2');
    await isLinked(changed);
    expect(await buildsOf(changed)).toEqual(['1', '2']);
  });

  it('takes a share of the links while it is ramped, each link staying where it is', async () => {
    await rollout.deploy('1');
    await rollout.promote('1');
    await rollout.deploy('2', 'next');
    await rollout.ramp('2', 50);
    const handles = await waitingLinks(20);
    await Promise.all(handles.map(finish));
    const builds = (await Promise.all(handles.map(buildsOf))).map((of) => of.join());
    expect(new Set(builds)).toEqual(new Set(['1', '2']));

    await rollout.promote('2');
    const fresh = await waitingLinks(4);
    expect(await Promise.all(fresh.map(buildsOf))).toEqual(fresh.map(() => ['2']));
  });
});

async function twoOf(handles: Promise<Handle[]>): Promise<[Handle, Handle]> {
  const [first, second] = await handles;
  if (!first || !second) throw new Error('There are not two links.');
  return [first, second];
}
