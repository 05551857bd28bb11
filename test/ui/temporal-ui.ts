/**
 * `npm run test:ui`: what an operator sees in the Temporal UI, in a real browser: a run's input, its steps and its result,
 * decoded through the codec server, and no bank token anywhere. Screenshots go to a temporary folder. Exits 1 on any miss.
 */
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startLocalStack } from '../../src/local/stack';
import { createLogger } from '../../src/logging/logger';
import { readLocalSettings } from '../../src/settings/read-settings';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const BANK_TOKEN = /(public|access|processor|link)-(sandbox|production)-[0-9a-f-]{8}/;
const USER = 'ui-user';
const WAIT_MS = 60_000;

async function main(): Promise<void> {
  if (CHROMIUM === undefined) throw new Error('Chromium is not installed: apt-get install chromium');
  const settings = readLocalSettings({});
  const stack = await startLocalStack({
    settings,
    logger: createLogger({ name: 'ui', level: 'error' }),
    stop: new AbortController().signal,
    env: process.env,
    taskQueue: settings.temporal.taskQueue,
    ports: { api: 0, codec: 0, temporal: 0, ui: 0 },
    jobDelayMs: 100,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  // It also settles when it is closed on purpose.
  stack.ended.catch(() => undefined);
  let browser: Browser | undefined;
  try {
    const { plaidSimulator } = stack.providers;
    if (!plaidSimulator || stack.uiUrl === undefined)
      throw new Error('The simulators and the UI are needed here.');
    const webhook = `${stack.publicUrl}/webhooks/plaid/${USER}`;
    const { publicToken, itemId } = plaidSimulator.createPublicToken({ userId: USER, webhook });
    await api(stack, 'POST', '/v1/links', { userId: USER, publicToken, jobs: ['employer-classification'] });
    await api(stack, 'GET', `/v1/links/${USER}/jobs/employer-classification?waitSeconds=30`);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    const page = await browser.newPage({ viewport: { width: 1400, height: 1800 } });
    const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-ui-'));
    const run = `${stack.uiUrl}/namespaces/${stack.namespace}/workflows/${encodeURIComponent(`processor-link/${USER}`)}`;

    await page.goto(run);
    await sees(page, USER, 'sealedPublicToken', 'sealed:v1:', 'exchangePublicToken', 'createProcessorToken');
    await sees(page, 'registerProcessorLink', 'atomicWebhook', 'fetchJobResult');
    await page.screenshot({ path: path.join(folder, 'open.png'), fullPage: true });
    await holdsNoToken(page);

    // The bank's user withdraws: the run completes, and its result is the last LinkView.
    await plaidSimulator.revokePermission(itemId);
    await api(stack, 'DELETE', `/v1/links/${USER}?waitSeconds=30`);
    await page.goto(run);
    await sees(page, 'Completed', 'unlinked', 'completedAt', 'removeProcessorLink');
    await page.screenshot({ path: path.join(folder, 'completed.png'), fullPage: true });
    await holdsNoToken(page);
    process.stdout.write(
      `The Temporal UI shows the run, decoded and without a token. Screenshots: ${folder}\n`,
    );
  } finally {
    await browser?.close();
    await stack.close();
  }
}

async function api(
  stack: { apiUrl: string; apiKey: { reveal(): string } },
  method: string,
  url: string,
  body?: object,
): Promise<void> {
  const response = await fetch(`${stack.apiUrl}${url}`, {
    method,
    headers: {
      authorization: `Bearer ${stack.apiKey.reveal()}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
}

/** Waits until the page shows each of the texts. */
async function sees(page: Page, ...texts: string[]): Promise<void> {
  for (const text of texts) {
    // Some of it is in rows that have to be scrolled to.
    await page.getByText(text).first().waitFor({ state: 'attached', timeout: WAIT_MS });
  }
}

async function holdsNoToken(page: Page): Promise<void> {
  const token = BANK_TOKEN.exec(await page.content());
  if (token) throw new Error(`The page shows a bank token: ${token[0].slice(0, 18)}…`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
