/** Answers of providers that Temporal cannot take at first: what cannot be done again is not. */
import { NativeConnection } from '@temporalio/worker';
import pino from 'pino';
import { workerSchema } from '../../src/settings/schemas';
import { type RunningWorker, startWorker } from '../../src/worker/start-worker';
import { EMPLOYER, viewWhen } from '../support/link-calls';
import { workflowBundle } from '../support/workflow-bundle';
import { useWorld } from '../support/world';
import { hold } from '../workflows/support/holding';
import { type RefusingProxy, startRefusingProxy } from './support/refusing-proxy';

const COMPLETIONS = ['RespondActivityTaskCompleted', 'RespondActivityTaskCompletedById'];
/** More than one: by itself the SDK gives up at the first. */
const REFUSALS = 3;

describe('an answer that Temporal cannot take at first', () => {
  const world = useWorld({ worker: 'none' });
  let proxy: RefusingProxy;
  let connection: NativeConnection;
  let worker: RunningWorker;

  beforeAll(async () => {
    proxy = await startRefusingProxy(world.temporal.address);
    connection = await NativeConnection.connect({ address: proxy.address });
    const { taskQueue, keyRing, providers } = world;
    worker = await startWorker({
      ...{ connection, namespace: 'default', taskQueue, keyRing, ...providers, bundle: workflowBundle() },
      ...{ work: work(), interceptor: () => ({}), logger: pino({ level: 'silent' }), drainMs: 1_000 },
    });
  });

  afterAll(async () => {
    await worker?.close();
    await connection?.close();
    await proxy?.close();
  });

  it.each(['exchange', 'register'] as const)('is held, and the %s is made once', async (call) => {
    const held = hold(world, call, 'after');
    const { handle, userId } = await world.start();
    await held.arrived(userId);
    proxy.refuse(REFUSALS, COMPLETIONS);
    held.release();
    await viewWhen(handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
    expect(proxy.refused.splice(0)).toHaveLength(REFUSALS);
    expect(world.calls.count(userId, call)).toBe(1);
  });
});

function work() {
  const key = Buffer.alloc(32).toString('base64');
  return workerSchema.read({
    ...{ ENCRYPTION_KEYS: `k1:${key}`, PLAID_CLIENT_ID: 'client', PLAID_SECRET: 'plaid-secret' },
    ...{ ATOMIC_API_KEY: 'atomic-key', ATOMIC_API_SECRET: 'atomic-secret' },
  }).work;
}
