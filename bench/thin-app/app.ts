/**
 * The same flow as a thin Temporal application: no validation, no encryption, no logs, the SDK's defaults. With `encrypted` it
 * has the product's payload codec, which is then all that it differs in from the one without.
 */
import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import fastify from 'fastify';
import { parseKeyRing } from '../../src/encryption/key-ring';
import { createPayloadCodec } from '../../src/encryption/payload-codec';
import type { AppOptions, LinkApp } from '../link-app';
import { ACCOUNT_ID, THIN_NAMESPACE } from '../stand-in-data';
import { createThinActivities } from './activities';
import type { thinLink } from './workflows';

const TASK_QUEUE = `thin-${process.pid}`;

export async function startThinApp(options: AppOptions & { encrypted: boolean }): Promise<LinkApp> {
  const { temporalAddress: address, onResult } = options;
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const nativeConnection = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const keyRing = parseKeyRing(`bench:${randomBytes(32).toString('base64')}`);
  const dataConverter = options.encrypted
    ? { payloadCodecs: [createPayloadCodec({ keyRing, namespace: THIN_NAMESPACE })] }
    : {};
  const worker = await Worker.create({
    dataConverter,
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
  const client = new Client({ connection, namespace: THIN_NAMESPACE, dataConverter });

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
