import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { workflowIdOf } from '../../src/contract/names';
import { useService } from '../support/service';
import { temporalCli } from '../support/temporal';

const run = promisify(execFile);
const TOKEN = 'codec-token-of-the-cli-0123456789';
const EMPLOYER = 'employer-classification';

const service = useService({
  env: { CODEC_TOKEN: TOKEN, LOG_LEVEL: 'silent' },
  processes: ['api', 'worker', 'codec'],
});
let userId: string;
let cliPath: string;

beforeAll(async () => {
  cliPath = await temporalCli();
  ({ userId } = await service.link({ jobs: [EMPLOYER] }));
  expect((await service.call.job(userId, EMPLOYER, 60)).job().state).toBe('completed');
}, 300_000);

/** Temporal's command line as operators use it: by the codec server, and with nothing else of this service. */
async function temporal(...args: string[]): Promise<string> {
  const options = ['--codec-endpoint', service.codec.url, '--codec-auth', `Bearer ${TOKEN}`];
  const { stdout } = await run(cliPath, [...args, ...options], {
    env: {
      HOME: service.folder,
      TEMPORAL_ADDRESS: service.temporal.address,
      TEMPORAL_NAMESPACE: service.temporal.namespace,
    },
    timeout: 30_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

describe("Temporal's command line with the codec server", () => {
  it('shows a history in the clear, sealed tokens aside', async () => {
    const history = await temporal(
      'workflow',
      'show',
      '--workflow-id',
      workflowIdOf(userId),
      '--output',
      'json',
    );
    // In JSON the command line prints payloads as base64.
    const shown = [...history.matchAll(/"data": "([A-Za-z0-9+/=]+)"/g)]
      .map(([, data = '']) => Buffer.from(data, 'base64').toString())
      .join('\n');
    expect(shown).toContain(`"userId":"${userId}"`);
    expect(shown).toContain('"kind":"found"');
    expect(shown).toContain('sealed:');
    expect(shown).not.toContain('access-sandbox-');
    expect(history).not.toContain(Buffer.from('binary/encrypted').toString('base64'));
  }, 60_000);

  it('describes a link, its memo too', async () => {
    const description = await temporal(
      'workflow',
      'describe',
      '--workflow-id',
      workflowIdOf(userId),
      '--output',
      'json',
    );
    expect(description).toContain('fingerprint');
    expect(description).not.toContain(Buffer.from('binary/encrypted').toString('base64'));
  }, 60_000);

  it('lists links', async () => {
    const list = await temporal(
      'workflow',
      'list',
      '--query',
      `WorkflowId = '${workflowIdOf(userId)}'`,
      '--output',
      'json',
    );
    expect(list).toContain(workflowIdOf(userId));
  }, 60_000);

  it('queries a link', async () => {
    const view = await temporal(
      'workflow',
      'query',
      '--workflow-id',
      workflowIdOf(userId),
      '--type',
      'getLink',
    );
    expect(view).toContain('linked');
    expect(view).toContain(userId);
  }, 60_000);

  it('shows the details of a link', async () => {
    const details = await temporal('workflow', 'metadata', '--workflow-id', workflowIdOf(userId));
    expect(details).toContain('nothing, until a job is requested');
  }, 60_000);

  it('updates a link, once its input says which workflow it is for', async () => {
    const id = workflowIdOf(userId);
    const update = ['workflow', 'update', 'execute', '--workflow-id', id, '--name', 'runJob'];
    const input = ['--input', JSON.stringify({ job: EMPLOYER })];
    await expect(temporal(...update, ...input)).rejects.toThrow();
    const answer = await temporal(...update, ...input, '--input-meta', `workflow-id=${id}`);
    expect(answer).toContain(userId);
  }, 60_000);

  it('unlinks by `temporal workflow cancel`', async () => {
    await temporal('workflow', 'cancel', '--workflow-id', workflowIdOf(userId));
    await service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
    expect(service.leftovers(userId)).toEqual([]);
  }, 60_000);

  it('is written down: who decoded the payloads of which workflow', async () => {
    const events = service.codec.logLines.filter(({ audit }) => audit === true);
    expect(events).toContainEqual(
      expect.objectContaining({
        action: 'decode',
        caller: 'token-1',
        outcome: 'done',
        namespace: service.temporal.namespace,
        workflowIds: [workflowIdOf(userId)],
      }),
    );
  });
});
