/** The same flow as a thin Temporal application: no validation, no encryption, no logs, the SDK's defaults. */
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import fastify from 'fastify';
import type { AppOptions, LinkApp } from '../link-app';
import { ACCOUNT_ID, THIN_NAMESPACE } from '../stand-in-data';
import { createThinActivities } from './activities';
import type { thinLink } from './workflows';

const TASK_QUEUE = `thin-${process.pid}`;

export async function startThinApp(options: AppOptions): Promise<LinkApp> {
  const { temporalAddress: address, onResult } = options;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const nativeConnection = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const worker = await Worker.create({
    connection: nativeConnection,
    namespace: THIN_NAMESPACE,
    taskQueue: TASK_QUEUE,
    workflowBundle: { codePath: options.bundlePath },
    activities: createThinActivities(options.providersUrl),
    interceptors: {
      activity: [
        ({ info }) => ({
          inbound: {
            async execute(input, next) {
              const result = await next(input);
              if (info.activityType === 'fetchResult') onResult(info.workflowExecution?.workflowId ?? '');
              return result;
            },
          },
        }),
      ],
    },
  });
  const running = worker.run();
  const client = new Client({ connection, namespace: THIN_NAMESPACE });

  const receiver = fastify();
  receiver.post<{ Body: { user: { identifier: string } } }>('/webhook', async ({ body }) => {
    await client.workflow.getHandle(body.user.identifier).signal('webhook');
    return { received: true };
  });
  const url = await receiver.listen({ host: '127.0.0.1', port: 0 });

  return {
    webhookUrl: `${url}/webhook`,
    async start(userId) {
      await client.workflow.start<typeof thinLink>('thinLink', {
        workflowId: userId,
        taskQueue: TASK_QUEUE,
        args: [{ userId, publicToken: `public-sandbox-${userId}`, accountId: ACCOUNT_ID }],
      });
    },
    async close() {
      await receiver.close();
      worker.shutdown();
      await running;
      await connection.close();
      await nativeConnection.close();
    },
  };
}
