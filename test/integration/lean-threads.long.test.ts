import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { withLeanThreads } from '../../src/worker/threads/lean-threads';
import { connectTo, realServer, serviceBuild } from '../support/temporal';

jest.setTimeout(120_000);

const logger = { info: jest.fn(), warn: jest.fn() };

it('ends a workflow that never gives way at the time limit, and runs others', async () => {
  const { address } = await realServer();
  const connection = await connectTo(address);
  const nativeConnection = await NativeConnection.connect({ address });
  const bundle = await bundleWorkflowCode({
    workflowsPath: require.resolve('./endless-workflow'),
    logger: new DefaultLogger('ERROR'),
  });
  const taskQueue = `endless-${randomUUID()}`;
  const preload = path.join(await serviceBuild(), 'src/worker/threads/preload.js');
  const worker = await withLeanThreads(
    () =>
      Worker.create({
        connection: nativeConnection,
        taskQueue,
        workflowBundle: bundle,
      }),
    { logger, preload },
  );
  const client = new Client({ connection });
  await worker.runUntil(async () => {
    const handle = await client.workflow.start('endless', { taskQueue, workflowId: randomUUID() });
    let failure: string | null | undefined;
    while (failure === undefined) {
      const { events } = await handle.fetchHistory();
      failure = events?.find(({ workflowTaskFailedEventAttributes: failed }) => failed)
        ?.workflowTaskFailedEventAttributes?.failure?.message;
    }
    expect(failure).toContain('Script execution timed out after 5000ms');
    await handle.terminate();
    await expect(client.workflow.execute('brief', { taskQueue, workflowId: randomUUID() })).resolves.toBe(
      'done',
    );
  });
  await nativeConnection.close();
  await connection.close();
});
