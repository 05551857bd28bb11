import { Script } from 'node:vm';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { BaseVMWorkflow, globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared';
import { createDataConverter } from '../../src/encryption/data-converter';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { writeCallStacksOnDemand } from '../../src/worker/threads/call-stacks';
import { watchActivationsAsOne } from '../../src/worker/threads/one-watchdog';
import { workflowBundle } from '../support/workflow-bundle';
import { goldenHistories, goldenKeys } from './golden-histories';

jest.setTimeout(180_000);

const { runInContext } = Script.prototype;
const activate = jest.spyOn(BaseVMWorkflow.prototype, 'activate');

// Replays run in this thread and not in one of their own.
beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  writeCallStacksOnDemand(globalHandlers);
  watchActivationsAsOne(BaseVMWorkflow.prototype);
});
afterAll(() => {
  Script.prototype.runInContext = runInContext;
});

it('replays every history as the threads of the SDK do', async () => {
  const dataConverter = createDataConverter({
    keyRing: parseKeyRing(await goldenKeys()),
    namespace: 'default',
  });
  const histories = await goldenHistories();
  const problems: unknown[] = [];
  const options = { workflowBundle: await workflowBundle(), dataConverter };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    if (error) problems.push([workflowId, error.message]);
  }
  expect(problems).toEqual([]);
  expect(activate.mock.calls.length).toBeGreaterThan(histories.length);
});

it('lets promises settle whose constructor Node has taken off', async () => {
  const { promise, settle } = withoutConstructor();
  settle();
  await expect(new Promise((resolve) => promise.then(resolve))).resolves.toBe('settled');
});

function withoutConstructor() {
  let settle = () => {};
  const promise = new Promise((resolve) => {
    settle = () => resolve('settled');
  });
  Object.defineProperty(promise, 'constructor', { value: undefined });
  return { promise, settle };
}
