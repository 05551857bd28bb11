/**
 * `npm run test:ui`: what an operator sees in the Temporal UI, in a real browser: a run's input, its steps and its result,
 * decoded through the codec server, and no bank token anywhere. Screenshots go to a temporary folder. Exits 1 on any miss.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { inBrowser } from './browser';

const BANK_TOKEN = /(public|access|processor|link)-(sandbox|production)-[0-9a-f-]{8}/;
const USER = 'ui-user';
const WAIT_MS = 60_000;
const OPERATIONS = readFileSync(path.resolve(__dirname, '../../docs/operations.md'), 'utf8');

void inBrowser({}, async ({ stack, browser, folder }) => {
  const { plaidSimulator } = stack.providers;
  if (!plaidSimulator || stack.uiUrl === undefined)
    throw new Error('The simulators and the UI are needed here.');
  const link = async (userId: string) => {
    const webhook = `${stack.publicUrl}/webhooks/plaid/${userId}`;
    const { publicToken, itemId } = plaidSimulator.createPublicToken({ userId, webhook });
    await api(stack, 'POST', '/v1/links', { userId, publicToken, jobs: ['employer-classification'] });
    await api(stack, 'GET', `/v1/links/${userId}/jobs/employer-classification?waitSeconds=30`);
    return itemId;
  };
  const itemId = await link(USER);
  const page = await browser.newPage({ viewport: { width: 1400, height: 1800 } });
  const run = `${stack.uiUrl}/namespaces/${stack.namespace}/workflows/${encodeURIComponent(`processor-link/${USER}`)}`;

  await page.goto(run);
  await sees(page, USER, 'sealedPublicToken', 'sealed:v2:', 'exchangePublicToken', 'createProcessorToken');
  await sees(page, 'registerProcessorLink', 'atomicWebhook', 'fetchJobResult');
  await page.setViewportSize({ width: 1400, height: 940 });
  await page.screenshot({ path: path.join(folder, 'temporal-ui.png') });
  await holdsNoToken(page);

  await plaidSimulator.requireLogin(await link('bob'));
  await link('carol');
  await page.evaluate(/^```js\n(.*?)^```$/ms.exec(OPERATIONS)?.[1] ?? '');
  await page.setViewportSize({ width: 1280, height: 400 });
  await page.goto(`${stack.uiUrl}/namespaces/${stack.namespace}/workflows`);
  await sees(page, 'LinkState', 'LinkError', 'LinkStateSince', 'needs_attention', 'sign_in_required');
  await page.screenshot({ path: path.join(folder, 'temporal-ui-list.png') });

  // The bank's user withdraws: the run completes, and its result is the last LinkView.
  await plaidSimulator.revokePermission(itemId);
  await api(stack, 'DELETE', `/v1/links/${USER}?waitSeconds=30`);
  await page.goto(run);
  await sees(page, 'Completed', 'unlinked', 'completedAt', 'removeProcessorLink');
  await holdsNoToken(page);
  process.stdout.write('The Temporal UI shows the run, decoded and without a token.\n');
});

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
