import workerThreads from 'node:worker_threads';
import { version } from '@temporalio/worker/package.json';
import { KNOWN_SDK_VERSION, withLeanThreads } from '../../src/worker/threads/lean-threads';
import { useService } from '../support/service';

jest.setTimeout(120_000);

const logger = { info: jest.fn(), warn: jest.fn() };

it('knows the SDK that is installed', () => {
  expect(version).toBe(KNOWN_SDK_VERSION);
});

it('leaves an SDK that it does not know as it is, and says so once', async () => {
  const { Worker: before } = workerThreads;
  const used = await withLeanThreads(async () => workerThreads.Worker, {
    logger,
    sdkVersion: '1.25.0',
    preload: __filename,
  });
  expect(used).toBe(before);
  expect(logger.warn.mock.calls).toEqual([
    [
      { sdkVersion: '1.25.0' },
      `WORKER_LEAN_THREADS is off: it knows version ${KNOWN_SDK_VERSION} of the Temporal SDK alone`,
    ],
  ]);
});

it('leaves the SDK as it is where the code is not built, without a word', async () => {
  const { Worker: before } = workerThreads;
  logger.warn.mockClear();
  expect(await withLeanThreads(async () => workerThreads.Worker, { logger })).toBe(before);
  expect(logger.warn).not.toHaveBeenCalled();
});

describe('a worker with lean threads, which are on unless a setting says otherwise', () => {
  const service = useService({ atomic: { webhookMode: 'none' } });

  it('answers the Call Stack of a link word for word as a worker without them', async () => {
    const { userId } = await service.link();
    await service.call.linkWhen(userId, ({ state }) => state === 'waiting');
    const handle = service.client.workflow.getHandle(`processor-link/${userId}`);
    const read = async () => ({
      text: await handle.query<string>('__stack_trace'),
      frames: await handle.query('__enhanced_stack_trace'),
    });
    const lean = await read();
    expect(lean.text).toMatch(/at \S+ \(\S*workflows\/job-steps\.ts:\d+:\d+\)/);

    expect(service.worker.output).toContain('the threads of workflows are lean');
    await service.worker.stop();
    await service.worker.start({ WORKER_LEAN_THREADS: 'false' });
    expect(lean).toEqual(await read());
    expect(service.worker.output).not.toContain('WORKER_LEAN_THREADS is off');
  });
});
