import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { bundleWorkflowCode, DefaultLogger, Runtime } from '@temporalio/worker';
import { NOTIFICATION_WORKFLOW_TYPE } from '../../src/contract/names';
import { createDataConverter, failureConverterPath } from '../../src/encryption/data-converter';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { runReplays } from '../support/replay';
import { workflowBundle } from '../support/workflow-bundle';
import { type GoldenHistory, goldenHistories, goldenKeys } from './golden-histories';
import { LINK_PATHS } from './link-paths';

const { History } = temporal.api.history.v1;

// Some thousand events are a minute's work for a machine that is busy otherwise.
jest.setTimeout(180_000);

let histories: GoldenHistory[];
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });
  histories = await goldenHistories();
});

/** What is wrong with each history for a bundle; nothing of those that replay. */
async function replayed(
  bundle: { code: string },
  played: readonly GoldenHistory[] = histories,
): Promise<Map<string, Error>> {
  const dataConverter = createDataConverter({
    keyRing: parseKeyRing(await goldenKeys()),
    namespace: 'default',
  });
  const replays = runReplays({ workflowBundle: bundle, dataConverter }, played);
  const problems = new Map<string, Error>();
  let index = 0;
  for await (const { error } of replays) {
    const name = played[index]?.name ?? '';
    index += 1;
    if (error) problems.set(name, error);
  }
  expect(index).toBe(played.length);
  return problems;
}

it('has a history of every path, and none that nobody records any more', () => {
  const names = histories.map(({ name }) => name);
  const paths = LINK_PATHS.map(({ name }) => name);
  expect(paths.length).toBeGreaterThanOrEqual(20);
  expect(new Set(paths).size).toBe(paths.length);
  expect(names).toEqual(expect.arrayContaining(paths));
  const further = names.filter((name) => !paths.includes(name));
  expect(further).toEqual(['continues-as-new-2', `tells-the-caller-${NOTIFICATION_WORKFLOW_TYPE}`]);
});

it('replays every history with the workflows as they are now', async () => {
  expect(await replayed(await workflowBundle())).toEqual(new Map());
  const events = histories.reduce((sum, history) => sum + history.events, 0);
  console.info(`${histories.length} histories, ${events} events`);
});

it.each([true, false])(
  'replays them whatever their tasks say of their length: %s',
  async (suggestContinueAsNew) => {
    const said = histories.map((golden) => ({
      ...golden,
      history: History.create({
        events: golden.history.events.map(({ workflowTaskStartedEventAttributes: started, ...event }) => ({
          ...event,
          ...(started && { workflowTaskStartedEventAttributes: { ...started, suggestContinueAsNew } }),
        })),
      }),
    }));
    expect(await replayed(await workflowBundle(), said)).toEqual(new Map());
  },
);

it('does not replay them with workflows that take a step more', async () => {
  const altered = await bundleWorkflowCode({
    workflowsPath: join(__dirname, 'altered'),
    workflowInterceptorModules: [require.resolve('../../workflows/sdk/interceptors')],
    failureConverterPath,
    logger: new DefaultLogger('ERROR'),
  });
  const problems = await replayed(altered);
  for (const { name } of histories) {
    const message = problems.get(name)?.message ?? 'none';
    if (name.endsWith(NOTIFICATION_WORKFLOW_TYPE)) expect(message).toBe('none');
    else expect({ name, message }).toEqual({ name, message: expect.stringContaining('[TMPRL1100]') });
  }
});

it('shows no token, and no result, to whoever lacks the key', () => {
  for (const { history } of histories) {
    expect(JSON.stringify(history)).not.toMatch(/(public|access|processor|link)-sandbox-|Bluebird/);
  }
});
