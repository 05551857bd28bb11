import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { type Service, startService } from '../support/service';

jest.setTimeout(120_000);

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
});
type Span = z.infer<typeof spanSchema>;
const exportSchema = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })) })),
});

let receiver: Server;
let service: Service;
/** Bodies by path. */
const received: { path: string; body: Buffer }[] = [];

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ path: request.url ?? '', body: Buffer.concat(chunks) });
    response.setHeader('content-type', 'application/json').end('{}');
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  service = await startService({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` } });
});
afterAll(async () => {
  await service?.close();
  receiver?.close();
});

function spans(): Span[] {
  return received
    .filter(({ path }) => path === '/v1/traces')
    .flatMap(({ body }) => exportSchema.parse(JSON.parse(body.toString())).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
}

/** The names of a span and of all that it is part of, from the outermost on. */
function pathTo(span: Span, all: readonly Span[]): string[] {
  const parent = all.find(({ spanId }) => spanId === span.parentSpanId);
  return [...(parent ? pathTo(parent, all) : []), span.name];
}

it('shows a request from HTTP through the workflow to the calls at the providers, and no token', async () => {
  const { userId, publicToken } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  // What is left is sent as they end.
  await Promise.all([service.api.stop(), service.worker.stop()]);

  const all = spans();
  const start = all.find(({ name }) => name === 'POST /v1/links');
  expect(start).toBeDefined();
  const ofStart = all.filter(({ traceId }) => traceId === start?.traceId);
  const paths = ofStart.map((span) => pathTo(span, ofStart).join(' > '));
  expect(paths).toEqual(
    expect.arrayContaining([
      'POST /v1/links > start processorLink > exchangePublicToken > POST /item/public_token/exchange',
      'POST /v1/links > start processorLink > createProcessorToken > POST /processor/token/create',
      'POST /v1/links > start processorLink > registerProcessorLink > POST /plaid/processor-link',
    ]),
  );
  const names = all.map((span) => pathTo(span, all).join(' > '));
  expect(names).toContain(
    'POST /webhooks/atomic > signal atomicWebhook > fetchJobResult > GET /employer-matches/{identifier}',
  );

  const text = received.map(({ body }) => body.toString('latin1')).join('\n');
  expect(text).not.toContain(publicToken);
  expect(text).not.toMatch(/(?:public|access|processor)-(?:sandbox|production)-/);
  const secrets = ['PLAID_SECRET', 'ATOMIC_API_SECRET', 'ATOMIC_API_KEY', 'API_KEYS'];
  for (const name of secrets) expect(text).not.toContain((service.env[name] ?? '').replace(/^tests:/, ''));
});
