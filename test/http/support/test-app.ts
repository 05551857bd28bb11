import { createHmac } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createApp } from '../../../src/http/api/app';
import type { AppDeps } from '../../../src/http/api/deps';
import { ScriptedLinks } from './scripted-links';

export const API_KEY = 'test-api-key-0123456789';
export const ATOMIC_SECRET = '3f9c1d7e-5a40-4b86-9d15-7e2c8b60aa41';
const AUTHORIZED = { authorization: `Bearer ${API_KEY}` };

export interface TestApp {
  app: FastifyInstance;
  links: ScriptedLinks;
  metrics: Registry;
  /** Parsed log lines so far. */
  logLines: Record<string, unknown>[];
  /** All of the log as text. */
  logText: () => string;
}

const apps: FastifyInstance[] = [];

/** An app over scripted links. Load shedding is off: tests share their processor with others. */
export function testApp(overrides: Partial<AppDeps> = {}): TestApp {
  const links = new ScriptedLinks();
  const metrics = new Registry();
  const logLines: Record<string, unknown>[] = [];
  const app = createApp({
    plaidEnvironment: 'sandbox',
    links: links.gateway,
    createLinkToken: async () => ({ linkToken: 'link-sandbox-new', expiration: '2030-01-01T04:00:00Z' }),
    publicUrl: 'https://links.example.com',
    apiKeys: () => [{ name: 'backend', key: API_KEY }],
    atomicWebhookSecrets: () => [ATOMIC_SECRET],
    verifyPlaidWebhook: async () => ({ ok: true }),
    logger: pino({ level: 'debug' }, { write: (line: string) => void logLines.push(JSON.parse(line)) }),
    metrics,
    ...overrides,
    limits: { maxEventLoopDelayMs: 0, ...overrides.limits },
  });
  apps.push(app);
  return { app, links, metrics, logLines, logText: () => JSON.stringify(logLines) };
}

/** For `afterEach`. */
export async function closeApps(): Promise<void> {
  await Promise.all(apps.splice(0).map((app) => app.close()));
}

export function authorized(options: InjectOptions): InjectOptions {
  return { ...options, headers: { ...AUTHORIZED, ...options.headers } };
}

export function signAtomic(body: string | Buffer, secret: string = ATOMIC_SECRET): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}
