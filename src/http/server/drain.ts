import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Set when the server was asked to stop: it is unready, serves on, and ends each connection with its next answer. */
    isDraining: boolean;
  }
}

/** Lets connections end with their answers once the server drains or closes: none is kept that would be reset. */
export function endConnectionsOnDrain(app: FastifyInstance): void {
  app.decorate('isDraining', false);
  app.addHook('preClose', async () => {
    app.isDraining = true;
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (app.isDraining) reply.header('connection', 'close');
    done();
  });
}

/** Serves on for a while, unready, so that load balancers turn elsewhere before it closes. */
export async function drain(app: FastifyInstance, delayMs: number): Promise<void> {
  app.isDraining = true;
  await sleep(delayMs);
}
