import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { userIdSchema } from '../contract/schemas';
import { HttpProblem } from '../http/server/problems';
import { StartError } from '../process/start-error';
import type { Secret } from '../system/secret';
import type { DemoEvents } from './demo-events';
import type { LocalProviders } from './providers';
import { simulate, simulationSchema } from './simulate';
import { SIMULATED_BANKS, simulatedLink, simulatedLinkSchema } from './simulated-link';

export const DEMO_URL = '/demo';

const FILES = {
  'demo.css': 'text/css; charset=utf-8',
  'demo.mjs': 'text/javascript; charset=utf-8',
} as const;
const FOLDER = path.join(__dirname, 'demo-page');
const PLAID_SCRIPT = 'https://cdn.plaid.com/link/v2/stable/link-initialize.js';
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

const eventsQuerySchema = z.object({ userId: userIdSchema, after: z.coerce.number().int().default(0) });

export interface DemoPageOptions {
  providers: LocalProviders;
  events: DemoEvents;
  /** With which the page's backend calls the API; the browser never gets it. */
  apiKey: Secret;
  publicUrl: string;
  /** Of the namespace's workflows in the Temporal UI. */
  workflowsUrl: string | undefined;
}

/**
 * A page that links a user, and the small backend behind it, as a caller's own would be: it holds the API key and calls the
 * API for the page. It answers this machine alone, whatever proxies stand before it.
 */
export function addDemoPage(app: FastifyInstance, options: DemoPageOptions): void {
  const { providers, events, apiKey, publicUrl, workflowsUrl } = options;
  const { plaidSimulator, atomicSimulator } = providers;

  app.register(async (demo) => {
    demo.addHook('onRequest', async (request) => {
      if (!isFromHere(request)) throw new HttpProblem('not_found');
    });

    demo.get(DEMO_URL, async (_request, reply) => {
      reply.header('content-security-policy', contentSecurityPolicy(plaidSimulator === undefined));
      reply.type('text/html; charset=utf-8');
      return readFile(path.join(FOLDER, 'index.html'));
    });
    for (const [name, type] of Object.entries(FILES)) {
      demo.get(`${DEMO_URL}/${name}`, async (_request, reply) => {
        reply.type(type);
        return readFile(path.join(FOLDER, name));
      });
    }
    demo.get(`${DEMO_URL}/setup`, async () => ({
      plaid: plaidSimulator ? 'simulated' : 'real',
      atomic: atomicSimulator ? 'simulated' : 'real',
      banks: Object.keys(SIMULATED_BANKS),
      ...(!plaidSimulator && { plaidScript: PLAID_SCRIPT }),
      ...(workflowsUrl !== undefined && { workflowsUrl }),
    }));
    demo.get(`${DEMO_URL}/happenings`, async (request) => {
      const { userId, after } = checked(eventsQuerySchema, request.query);
      return { happenings: events.of(userId, after) };
    });
    demo.post(`${DEMO_URL}/simulated-link`, async (request) => {
      if (!plaidSimulator) throw new HttpProblem('not_found');
      const asked = checked(simulatedLinkSchema, request.body);
      return simulatedLink(asked, plaidSimulator, `${publicUrl}/webhooks/plaid/${asked.userId}`);
    });
    demo.post(`${DEMO_URL}/simulate`, async (request) => {
      const simulation = checked(simulationSchema, request.body);
      try {
        return { happened: await simulate(simulation, providers) };
      } catch (error) {
        if (error instanceof StartError) throw new HttpProblem('invalid_request', { detail: error.message });
        throw error;
      }
    });
    demo.route({
      method: ['GET', 'POST', 'DELETE'],
      url: `${DEMO_URL}/api/*`,
      async handler(request, reply) {
        const url = request.url.slice(`${DEMO_URL}/api`.length);
        if (!url.startsWith('/v1/')) throw new HttpProblem('not_found');
        const startedAt = performance.now();
        const answer = await app.inject({
          method: request.method === 'POST' ? 'POST' : request.method === 'DELETE' ? 'DELETE' : 'GET',
          url,
          headers: {
            authorization: `Bearer ${apiKey.reveal()}`,
            ...(request.body !== undefined && { 'content-type': 'application/json' }),
          },
          ...(request.body !== undefined && { payload: JSON.stringify(request.body) }),
        });
        if (request.method !== 'GET') {
          const userId = userOfCall(request);
          events.add({
            who: 'to us',
            what: `${request.method} ${url.split('?')[0]}`,
            note: String(answer.statusCode),
            failed: answer.statusCode >= 400,
            tookMs: performance.now() - startedAt,
            ...(userId !== undefined && { userId }),
          });
        }
        reply.code(answer.statusCode).type(String(answer.headers['content-type']));
        return answer.rawPayload;
      },
    });
  });

  app.addHook('onResponse', async (request, reply) => {
    if (!request.url.startsWith('/webhooks/')) return;
    const taken = reply.statusCode === 200;
    const userId = userOfWebhook(request);
    events.add({
      who: 'to us',
      what: `POST ${request.url.split('/').slice(0, 3).join('/')}`,
      note: taken ? `${reply.statusCode}: look again` : String(reply.statusCode),
      failed: !taken,
      ...(userId !== undefined && { userId }),
    });
  });
}

function contentSecurityPolicy(withPlaid: boolean): string {
  const [script, frame, connect, style] = withPlaid
    ? [
        ` ${PLAID_SCRIPT}`,
        'https://cdn.plaid.com',
        ' https://sandbox.plaid.com https://production.plaid.com',
        " 'unsafe-inline'",
      ]
    : ['', "'none'", '', ''];
  return [
    "default-src 'none'",
    "base-uri 'none'",
    `connect-src 'self'${connect}`,
    "form-action 'none'",
    "frame-ancestors 'none'",
    `frame-src ${frame}`,
    "img-src 'self' data:",
    `script-src 'self'${script}`,
    `style-src 'self'${style}`,
  ].join('; ');
}

/** Of a browser on this machine, and of this page: the backend has a key that other pages must not use. */
function isFromHere({ headers, hostname }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  return (
    LOOPBACK.includes(hostname) &&
    headers['x-forwarded-for'] === undefined &&
    headers.forwarded === undefined &&
    (site === undefined || site === 'same-origin' || site === 'none')
  );
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new HttpProblem('invalid_request', {
    errors: result.error.issues.map(({ path: at, message }) => ({ path: at.join('.'), message })),
  });
}

/** In the path, or in the body of a call that starts something. */
function userOfCall({ url, body }: FastifyRequest): string | undefined {
  const [, inPath] = /\/v1\/(?:links|users)\/([^/?]+)/.exec(url) ?? [];
  if (inPath !== undefined) return decodeURIComponent(inPath);
  return z.object({ userId: z.string() }).safeParse(body).data?.userId;
}

/** Plaid's is in the path, Atomic's in the body. */
function userOfWebhook(request: FastifyRequest): string | undefined {
  const [, ofPlaid] = /^\/webhooks\/plaid\/([^/?]+)$/.exec(request.url) ?? [];
  if (ofPlaid !== undefined) return ofPlaid;
  if (!Buffer.isBuffer(request.body)) return undefined;
  try {
    const body: unknown = JSON.parse(request.body.toString('utf8'));
    return z.object({ user: z.object({ identifier: z.string() }) }).parse(body).user.identifier;
  } catch {
    return undefined;
  }
}
