/**
 * A process with one webhook receiver and no Temporal. `bare` is Fastify with what any receiver has to do, HMAC and JSON.parse;
 * `product` is the product's whole HTTP app, where a signal costs nothing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import fastify, { type FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { ATOMIC_SIGNATURE_HEADER } from '../src/contract/names';
import { createApp } from '../src/http/api/app';
import type { LinkGateway } from '../src/http/api/deps';
import { createLogger } from '../src/logging/logger';
import { takeCalls } from './child';
import { ATOMIC_SECRET } from './stand-in-data';

function bareApp(): FastifyInstance {
  const app = fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/webhooks/atomic', async (request, reply) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const signature = Buffer.from(String(request.headers[ATOMIC_SIGNATURE_HEADER]), 'hex');
    const expected = createHmac('sha256', ATOMIC_SECRET).update(body).digest();
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      return reply.code(401).send({ title: 'Unauthorized' });
    }
    JSON.parse(body.toString());
    return { received: true };
  });
  return app;
}

function productApp(): FastifyInstance {
  const nothing = async (): Promise<never> => {
    throw new Error('not part of this benchmark');
  };
  const links: LinkGateway = {
    start: nothing,
    get: nothing,
    hasOpenLink: nothing,
    chooseAccount: nothing,
    eraseUser: nothing,
    list: nothing,
    runJob: nothing,
    waitForJob: nothing,
    unlink: nothing,
    createRepairLinkToken: nothing,
    confirmRepair: nothing,
    signalAtomicWebhook: async () => 'delivered',
    signalPlaidWebhook: async () => 'delivered',
    checkReachable: async () => undefined,
  };
  return createApp({
    plaidEnvironment: 'sandbox',
    links,
    createLinkToken: nothing,
    publicUrl: 'http://127.0.0.1',
    apiKeys: () => [],
    atomicWebhookSecrets: () => [ATOMIC_SECRET],
    verifyPlaidWebhook: nothing,
    logger: createLogger({ name: 'bench', level: 'info', destination: { write: () => undefined } }),
    metrics: new Registry(),
  });
}

takeCalls({
  listen: async (kind) => {
    const app = kind === 'bare' ? bareApp() : productApp();
    return `${await app.listen({ host: '127.0.0.1', port: 0 })}/webhooks/atomic`;
  },
});
