/**
 * `npm run test:ui`: the page of `npm start` in a real browser, the whole way of a user: link, results, repair, choice of an
 * account, unlink, erase, by mouse, by keyboard and on a phone's screen; and a request from /docs. Exits 1 on any miss.
 */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { inBrowser } from './browser';
import { triesTheApiInTheDocs } from './docs-page';

const BANK_TOKEN = /(public|access|processor|link)-(sandbox|production)-[0-9a-f-]{8}/;
const WAIT_MS = 60_000;
const DESKTOP = { width: 860, height: 800 };
const PHONE = { width: 390, height: 844 };

void inBrowser({ demoPage: true, jobDelayMs: 500 }, async ({ stack, browser, folder }) => {
  const key = stack.apiKey.reveal();

  async function open(userId: string, viewport: { width: number; height: number }): Promise<Page> {
    const page = await browser.newPage({ viewport });
    page.setDefaultTimeout(WAIT_MS);
    const complaints: string[] = [];
    page.on('console', (message) => {
      // A link that is not there yet is a 404, which the browser notes.
      const isMissing = message.text().includes('404');
      if (message.type() === 'error' && !isMissing) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('response', async (response) => {
      if (new URL(response.url()).origin !== stack.apiUrl) complaints.push(`loaded ${response.url()}`);
    });
    page.on('close', () => {
      if (complaints.length > 0) throw new Error(`The browser complains: ${complaints.join('; ')}`);
    });
    await page.goto(`${stack.apiUrl}/demo#${userId}`);
    await sees(page, 'Plaid is simulated, Atomic is simulated.');
    return page;
  }

  async function shoot(page: Page, name: string): Promise<void> {
    await holdsNoSecret(page, key);
    await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }

  // By mouse: link, results, repair, unlink.
  const page = await open('alice', DESKTOP);
  await link(page, 'First Platypus Bank', 'Everyday Checking');
  await state(page, 'linked');
  await sees(page, 'Bluebird Logistics', 'employer-classification', 'recurrence-detection');
  await sees(page, 'POST /item/public_token/exchange', 'POST /plaid/processor-link (employer)');
  await sees(page, 'POST /webhooks/atomic', 'linked (completed, completed)');
  await shoot(page, 'demo-page');

  await page.getByText('At the bank, and at Atomic (simulated)').click();
  await page.getByRole('button', { name: 'The bank asks for a sign-in' }).click();
  await state(page, 'needs_attention');
  await sees(page, '(sign_in_required)');
  await shoot(page, 'demo-page-needs-attention');
  await page.getByRole('button', { name: 'Repair in Link' }).click();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await state(page, 'linked');

  await page.getByRole('button', { name: 'Unlink' }).click();
  await state(page, 'unlinked');
  await sees(page, 'DELETE /plaid/processor-link', 'POST /item/remove');
  await page.locator('#results').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Erase the user' }).click();
  await sees(page, 'alice is erased', 'DELETE /v1/users/alice');
  await page.locator('#link').waitFor({ state: 'hidden' });
  await sees(page, 'Temporal holds no link', 'erased');
  await shoot(page, 'demo-page-erased');
  await page.close();

  // By keyboard, on a phone's screen: a bank with two accounts.
  const phone = await open('bob', PHONE);
  await phone.locator('#user').focus();
  await phone.keyboard.press('Enter');
  await phone.getByRole('dialog').waitFor();
  await phone.keyboard.press('ArrowDown');
  await shoot(phone, 'demo-page-phone-link');
  await phone.keyboard.press('Enter');
  await sees(phone, 'Rainy Day Savings');
  await phone.keyboard.press('ArrowDown');
  await phone.keyboard.press('Enter');
  await state(phone, 'linked');
  await sees(phone, 'Bluebird Logistics', 'STREAMHOUSE MONTHLY', 'linked (completed, completed)');
  await shoot(phone, 'demo-page-phone');
  const width = await phone.evaluate('document.documentElement.scrollWidth');
  if (width !== PHONE.width) throw new Error(`The page is ${width} wide on a screen of ${PHONE.width}.`);
  await phone.locator('#erase').focus();
  await phone.keyboard.press('Enter');
  await sees(phone, 'bob is erased');
  await phone.close();

  // No account is chosen in Link, and there are two: the link asks for one.
  const choosing = await open('dora', DESKTOP);
  await link(choosing, 'Tartan Bank', 'none: let processor-link decide');
  await state(choosing, 'needs_attention');
  await sees(choosing, '(account_required)', 'Which account is it?');
  await shoot(choosing, 'demo-page-choose-account');
  await choosing.getByRole('button', { name: 'Rainy Day Savings' }).click();
  await state(choosing, 'linked');
  await sees(choosing, 'POST /v1/links/dora/account', 'Bluebird Logistics');
  await choosing.locator('#choices').waitFor({ state: 'hidden' });
  await choosing.close();

  // What goes wrong is said in words.
  const late = await open('carol', DESKTOP);
  await late.getByRole('button', { name: 'Link a bank' }).click();
  await late.getByRole('dialog').waitFor();
  await late.keyboard.press('Escape');
  await sees(late, 'Link was closed before it was done.');
  await link(late, 'First Platypus Bank', 'Everyday Checking', 'the public token is too old');
  await state(late, 'failed');
  await sees(late, '(relink_required)');
  await late.close();
  await triesTheApiInTheDocs(stack, browser);
  process.stdout.write(
    'The page links, shows, repairs, lets the user choose an account, unlinks and erases.\n',
  );
});

async function link(page: Page, bank: string, account: string, then = 'all goes well'): Promise<void> {
  await page.getByRole('button', { name: 'Link a bank' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(bank).check();
  await dialog.getByLabel('And then').selectOption(then);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await dialog.getByLabel(account).check();
  await dialog.getByRole('button', { name: 'Continue' }).click();
}

async function state(page: Page, name: string): Promise<void> {
  await page.locator('#state', { hasText: new RegExp(`^${name}$`) }).waitFor();
}

/** Waits until the page shows each of the texts. */
async function sees(page: Page, ...texts: string[]): Promise<void> {
  for (const text of texts) await page.getByText(text).first().waitFor({ state: 'attached' });
}

async function holdsNoSecret(page: Page, apiKey: string): Promise<void> {
  const content = await page.content();
  const token = BANK_TOKEN.exec(content);
  if (token) throw new Error(`The page shows a bank token: ${token[0].slice(0, 18)}…`);
  if (content.includes(apiKey)) throw new Error('The page shows the API key.');
}
