import type { Browser } from 'playwright-core';
import type { LocalStack } from '../../src/local/stack';

const WAIT_MS = 60_000;

/** "Try it out" of /docs: a key is entered once, and a request is sent and answered in the page. */
export async function triesTheApiInTheDocs(stack: LocalStack, browser: Browser): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  page.setDefaultTimeout(WAIT_MS);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${stack.apiUrl}/docs`);

  await page.locator('.btn.authorize').first().click();
  const dialog = page.locator('.modal-ux');
  await dialog.locator('input').fill(stack.apiKey.reveal());
  await dialog.locator('button.authorize').click();
  await dialog.locator('button.btn-done').click();

  const operation = page.locator('#operations-Linking-listLinks');
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/v1/links');
  await operation.getByRole('button', { name: 'Execute' }).click();
  const response = await answered;
  if (response.status() !== 200) throw new Error(`Try it out is answered ${response.status()}.`);
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  await page.close();
  if (complaints.length > 0) throw new Error(`The browser complains of /docs: ${complaints.join('; ')}`);
}
