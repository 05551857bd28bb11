import type { FastifyInstance, FastifyRequest } from 'fastify';

export const DEFAULT_BODY_BUDGET_BYTES = 64 * 1024 * 1024;

/**
 * Bounds what the bodies of all requests under way take together. Where they would take more, the body that has been coming
 * for longest is given up and its connection ended: a true one is there within milliseconds, so that one is stalled.
 */
export function boundBodies(app: FastifyInstance, budgetBytes: number): void {
  const bytesOf = new Map<FastifyRequest, number>();
  let totalBytes = 0;

  function forget(request: FastifyRequest): void {
    totalBytes -= bytesOf.get(request) ?? 0;
    bytesOf.delete(request);
  }

  function count(request: FastifyRequest, bytes: number): void {
    const before = bytesOf.get(request);
    if (before === undefined) return;
    bytesOf.set(request, before + bytes);
    totalBytes += bytes;
    while (totalBytes > budgetBytes) {
      const oldest = [...bytesOf.keys()].find(({ raw }) => !raw.complete);
      if (oldest === undefined) return;
      forget(oldest);
      oldest.raw.destroy();
    }
  }

  app.addHook('preParsing', (request, reply, payload, done) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (length !== '0' || encoding !== undefined) {
      bytesOf.set(request, 0);
      reply.raw.once('close', () => forget(request));
      payload.on('data', (chunk: Buffer) => count(request, chunk.length));
    }
    done(null, payload);
  });
}
