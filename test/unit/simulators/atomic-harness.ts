import type { Job } from '../../../src/contract/jobs';
import {
  type AtomicSimulator,
  type AtomicSimulatorOptions,
  startAtomicSimulator,
} from '../../../src/simulators';
import { at, call, startReceiver } from './webhook-receiver';

export const KEYS = { 'x-api-key': 'key-1', 'x-api-secret': 'secret-1' };
export const LINK = '/plaid/processor-link';
export const EMPLOYER = 'employer-classification';
export const RECURRENCE = 'recurrence-detection';
const open: { close(): unknown }[] = [];

/** Closes whatever `start` and `receiver` opened. */
export async function closeAll(): Promise<void> {
  for (const opened of open.splice(0)) await opened.close();
}

export async function start(options: Partial<AtomicSimulatorOptions> = {}): Promise<AtomicSimulator> {
  const atomic = await startAtomicSimulator({
    apiKey: 'key-1',
    apiSecret: 'secret-1',
    webhookRetryDelaysMs: [1, 1, 1],
    ...options,
    settings: { jobDelayMs: 1, ...options.settings },
  });
  open.push(atomic);
  return atomic;
}

export async function receiver(statuses?: number[]) {
  const started = await startReceiver(statuses);
  open.push(started);
  return started;
}

export function send(
  atomic: AtomicSimulator,
  method: string,
  path: string,
  body?: unknown,
  headers: object = KEYS,
) {
  return call(`${atomic.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export function link(job: Job, change: object = {}) {
  return { identifier: 'user-1', processorToken: 'processor-sandbox-1', job, ...change };
}

export function register(atomic: AtomicSimulator, job: Job = EMPLOYER, change: object = {}) {
  return send(atomic, 'POST', LINK, link(job, change));
}

export function expectRefusal(answer: Awaited<ReturnType<typeof call>>, status: number) {
  expect(answer.status).toBe(status);
  expect(Math.floor(Number(at(answer.body, 'code')) / 100)).toBe(status);
  expect(at(answer.body, 'message')).toEqual(expect.any(String));
}
