import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { type LocalStack, type LocalStackOptions, startLocalStack } from '../../src/local/stack';
import { createLogger } from '../../src/logging/logger';
import { localSchema } from '../../src/settings/schemas';

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

/** With `--keep` the screenshots replace those of the documents. */
async function screenshotFolder(): Promise<string> {
  if (process.argv.includes('--keep')) return path.resolve(__dirname, '../../docs/images');
  return mkdtemp(path.join(tmpdir(), 'processor-link-ui-'));
}

/** Everything that `npm start` runs, and a browser. Ends the process with 1 when `look` throws. */
export async function inBrowser(
  options: Partial<LocalStackOptions>,
  look: (scene: { stack: LocalStack; browser: Browser; folder: string }) => Promise<void>,
): Promise<void> {
  if (CHROMIUM === undefined) throw new Error('Chromium is not installed: apt-get install chromium');
  const settings = localSchema.read({});
  const stack = await startLocalStack({
    settings,
    logger: createLogger({ name: 'ui', level: 'error' }),
    audit: () => undefined,
    stop: new AbortController().signal,
    env: process.env,
    taskQueue: settings.temporal.taskQueue,
    ports: { api: 0, codec: 0, temporal: 0, ui: 0 },
    jobDelayMs: 100,
    say: (line) => process.stderr.write(`${line}\n`),
    ...options,
  });
  // It also settles when it is closed on purpose.
  stack.ended.catch(() => undefined);
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    const folder = await screenshotFolder();
    await look({ stack, browser, folder });
    process.stdout.write(`Screenshots: ${folder}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await browser?.close();
    await stack.close();
  }
}
