/** A caller of the built service: starts links by HTTP, and reads each until its job is done. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { z } from 'zod';
import type { LinkApp } from './link-app';

/** Between two reads of one link. */
const READ_EVERY_MS = 1_000;
const CONNECTIONS = 100;

const viewSchema = z.object({ jobs: z.record(z.string(), z.object({ state: z.string() })) });

export function startCallerApp(options: {
  apiUrl: string;
  apiKey: string;
  webhookUrl: string;
  onResult(userId: string): void;
}): LinkApp {
  const pool = new Pool(options.apiUrl, { connections: CONNECTIONS });
  const headers = { authorization: `Bearer ${options.apiKey}`, 'content-type': 'application/json' };

  /** Again while the answer is 503, as a caller has to. */
  async function call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    for (;;) {
      const answer = await pool.request({
        method,
        path,
        headers,
        body: body ? JSON.stringify(body) : null,
      });
      const text = await answer.body.text();
      if (answer.statusCode === 200 || answer.statusCode === 202) return JSON.parse(text);
      if (answer.statusCode !== 503) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
      await sleep(READ_EVERY_MS);
    }
  }

  async function readUntilDone(userId: string): Promise<void> {
    do {
      await sleep(READ_EVERY_MS);
    } while (!isDone(await call('GET', `/v1/links/${userId}`)));
    options.onResult(userId);
  }

  return {
    webhookUrl: options.webhookUrl,
    async start(userId) {
      const jobs = ['employer-classification'];
      await call('POST', '/v1/links', { userId, publicToken: `public-sandbox-${userId}`, jobs });
      // A read that fails ends this process, and the benchmark with it.
      void readUntilDone(userId);
    },
    close: () => pool.close(),
  };
}

function isDone(view: unknown): boolean {
  return Object.values(viewSchema.parse(view).jobs).every(({ state }) => state === 'completed');
}
