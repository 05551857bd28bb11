import { stripVTControlCharacters } from 'node:util';
import { styleFor, Timeline } from '../../src/commands/demo/timeline';
import { proveKeys } from '../../src/commands/start/prove-keys';
import { terminalLog } from '../../src/commands/start/terminal-log';
import { createAuditLog } from '../../src/logging/audit-log';
import { createLogger } from '../../src/logging/logger';
import { StartError } from '../../src/process/start-error';
import { localSchema } from '../../src/settings/schemas';
import { startAtomicSimulator, startPlaidSimulator } from '../../src/simulators';

/** A terminal that keeps what it shows. */
function terminal({ colours = false } = {}) {
  let shown = '';
  return {
    isTTY: true,
    hasColors: () => colours,
    write: (text: string) => {
      shown += text;
    },
    lines: () => shown.split('\n').slice(0, -1),
  };
}

function loggerOf(to: ReturnType<typeof terminal>) {
  const destination = terminalLog(to);
  if (!destination) throw new Error('A terminal gets a log for people.');
  return {
    log: createLogger({ name: 'start', level: 'info', destination }),
    audit: createAuditLog('start', destination),
  };
}

describe('the log at a terminal', () => {
  it('is for people: time, level, words and fields, in lines of at most 80 columns', () => {
    const to = terminal();
    loggerOf(to).log.warn(
      { url: 'http://127.0.0.1:3002', keyIds: ['dev'] },
      'the codec server has neither a CODEC_TOKEN nor a CODEC_JWKS_URL: it listens on loopback alone',
    );
    const [first = '', ...rest] = to.lines();
    expect(first).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: the codec server has/);
    expect(rest.length).toBeGreaterThan(0);
    for (const line of to.lines()) expect(line.length).toBeLessThanOrEqual(80);
    expect(rest.join('\n')).toContain('url=http://127.0.0.1:3002 keyIds=["dev"]');
  });

  it('has colours where the terminal takes them, and none with NO_COLOR', () => {
    const [plain, colourful] = [terminal(), terminal({ colours: true })];
    for (const to of [plain, colourful]) loggerOf(to).log.error('no');
    expect(plain.lines().join('')).toBe(stripVTControlCharacters(plain.lines().join('')));
    expect(colourful.lines().join('')).toContain('\u001b[');
  });

  it('leaves out what the page asks for every moment, and nothing that failed', () => {
    const to = terminal();
    const { log, audit } = loggerOf(to);
    const event = { action: 'getLink', caller: 'page', user: 'alice', address: '::1', requestId: '1' };
    log.info({ method: 'GET', status: 200 }, 'request');
    audit({ ...event, outcome: 'done', status: 200 });
    expect(to.lines()).toEqual([]);
    log.info({ method: 'GET', status: 503 }, 'request');
    audit({ ...event, outcome: 'forbidden', status: 403 });
    log.info({ method: 'POST', status: 202 }, 'request');
    expect(to.lines()).toEqual([
      expect.stringMatching(/request method=GET status=503$/),
      expect.stringMatching(/INFO: audit action=getLink caller=page user=alice address=::1$/),
      expect.stringMatching(/^ +outcome=forbidden status=403$/),
      expect.stringMatching(/request method=POST status=202$/),
    ]);
  });

  it('is JSON where nobody looks on', () => {
    expect(terminalLog({ ...terminal(), isTTY: false })).toBeUndefined();
  });
});

it('shows the demo within the columns of the terminal', () => {
  const lines: string[] = [];
  const timeline = new Timeline((line) => lines.push(line), styleFor(false), 80);
  timeline.add('to Atomic', 'POST /plaid/processor-link (recurrence)', {
    tookMs: 12_345,
    note: 'the processor token goes to Atomic',
  });
  expect(lines.map((line) => line.trim())).toEqual([
    expect.stringMatching(/^\d\.\d\d s {2}to Atomic POST .* 12345 ms$/),
    'the processor token goes to Atomic',
  ]);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
});

describe('real keys', () => {
  const right = { plaid: 'plaid-secret', atomic: 'atomic-secret' };

  async function proved(secrets: { plaid: string; atomic: string }): Promise<void> {
    const plaid = await startPlaidSimulator({ clientId: 'client', secret: right.plaid });
    const atomic = await startAtomicSimulator({
      apiKey: 'key',
      apiSecret: right.atomic,
      webhookUrl: 'http://127.0.0.1:9/webhooks/atomic',
    });
    try {
      await proveKeys(
        localSchema.read({
          PLAID_CLIENT_ID: 'client',
          PLAID_SECRET: secrets.plaid,
          PLAID_BASE_URL: plaid.url,
          ATOMIC_API_KEY: 'key',
          ATOMIC_API_SECRET: secrets.atomic,
          ATOMIC_BASE_URL: atomic.url,
        }),
      );
    } finally {
      await Promise.all([plaid.close(), atomic.close()]);
    }
  }

  it('are asked for nothing more where the providers take them', async () => {
    await expect(proved(right)).resolves.toBeUndefined();
  });

  it.each([
    {
      secrets: { ...right, plaid: 'wrong-secret' },
      words: /^Plaid refuses the keys: INVALID_API_KEYS\. Set PLAID_/,
    },
    { secrets: { ...right, atomic: 'wrong-secret' }, words: /^Atomic refuses the keys: .*\. Set ATOMIC_/ },
  ])('that a provider refuses end the start in a sentence: $words', async ({ secrets, words }) => {
    const failure = await proved(secrets).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StartError);
    expect(failure).toMatchObject({ message: expect.stringMatching(words) });
    expect(String(failure)).not.toContain('wrong-secret');
  });
});
