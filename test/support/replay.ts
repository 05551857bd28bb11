import { Client } from '@temporalio/client';
import type { HistoryAndWorkflowId } from '@temporalio/common';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createDataConverter } from '../../src/encryption/data-converter';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { connectTemporal } from '../../src/temporal/connection';
import type { LinkWorld } from './link-world';
import type { Service } from './service';
import { workflowBundle } from './workflow-bundle';

/**
 * Replays every run of the service's task queue as a worker does that has none of them in its cache; `error` tells of a
 * run that would stand still there. Once a test file, and in one that runs no worker of its own.
 */
export async function replayHistories({
  temporal,
  taskQueue,
  env,
}: Pick<Service, 'temporal' | 'taskQueue' | 'env'>): Promise<{ workflowId: string; error?: string }[]> {
  const { address, namespace } = temporal;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await connectTemporal({
    connectConfig: { connectionOptions: { address } },
    lazy: false,
  });
  try {
    const dataConverter = createDataConverter({
      keyRing: parseKeyRing(env.ENCRYPTION_KEYS ?? ''),
      namespace,
    });
    const client = new Client({ connection, namespace, dataConverter });
    const histories = client.workflow.list({ query: `TaskQueue = '${taskQueue}'` }).intoHistories();
    // Payloads are bound to their namespace, which the types of the SDK leave out of a replay's options.
    const options = { workflowBundle: await workflowBundle(), dataConverter, namespace };
    const replays = Worker.runReplayHistories(options, histories);
    const replayed: { workflowId: string; error?: string }[] = [];
    for await (const { workflowId, error } of replays) {
      replayed.push({ workflowId, ...(error && { error: error.message }) });
    }
    return replayed;
  } finally {
    await connection.close();
  }
}

/** What a worker that has none of the runs in its cache would fail with. */
export async function replayErrors(
  { keyRing }: Pick<LinkWorld, 'keyRing'>,
  histories: Iterable<HistoryAndWorkflowId>,
): Promise<{ workflowId: string; message: string }[]> {
  const dataConverter = createDataConverter({ keyRing, namespace: 'default' });
  const replays = Worker.runReplayHistories(
    { workflowBundle: await workflowBundle(), dataConverter },
    histories,
  );
  const errors: { workflowId: string; message: string }[] = [];
  for await (const { workflowId, error } of replays) {
    if (error) errors.push({ workflowId, message: error.message });
  }
  return errors;
}
