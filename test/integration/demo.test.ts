import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Ended, ended } from '../support/ended';
import { temporalServer } from '../support/temporal';

const PROJECT = path.resolve(__dirname, '../..');

let folder: string;
beforeAll(async () => {
  // The demo finds the same.
  await temporalServer();
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-demo-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As `npm run demo` does; `onOutput` hears of everything so far, and may signal. */
function demo(
  args: string[],
  onOutput: (output: string, stop: () => void) => void = () => {},
  env: Record<string, string> = {},
): Promise<Ended> {
  const { PATH, HOME, XDG_CACHE_HOME } = process.env;
  const child = spawn(
    process.execPath,
    ['--import', require.resolve('tsx'), path.join(PROJECT, 'src/commands/demo.ts'), ...args],
    { cwd: folder, env: { PATH, HOME, XDG_CACHE_HOME, ...env } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      onOutput(output, () => child.kill('SIGINT'));
    });
  }
  return ended(child);
}

describe('the demo', () => {
  it('links a user for both jobs, shows the results and leaves nothing behind', async () => {
    const { output, code } = await demo([]);
    expect({ code, output }).toMatchObject({ code: 0 });
    for (const step of [
      'POST /item/public_token/exchange',
      'POST /processor/token/create',
      'POST /plaid/processor-link (employer)',
      'POST /plaid/processor-link (recurrence)',
      'POST /webhooks/atomic',
      'linked (completed, completed)',
      'Bluebird Logistics',
      'DELETE /plaid/processor-link',
      'POST /item/remove',
      'unlinked',
      ': 0 Items, 0 processor tokens',
      ': 0 registrations',
    ]) {
      expect(output).toContain(step);
    }
    expect(output).not.toMatch(/(public|access|processor)-sandbox-/);
    expect(output).not.toContain('\u001b');
  }, 120_000);

  it('stays up with --keep until Ctrl-C, and then frees what it held', async () => {
    let api: string | undefined;
    let whileUp: Promise<number> | undefined;
    const { output, code } = await demo(['--keep'], (soFar, stop) => {
      if (whileUp || !soFar.includes('All is left running') || !/Temporal {5}\S+\n/.test(soFar)) return;
      api = /API {10}(\S+)/.exec(soFar)?.[1];
      whileUp = fetch(`${api}/readyz`).then(({ status }) => status);
      void whileUp.finally(stop);
    });
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(await whileUp).toBe(200);
    await expect(fetch(`${api}/livez`)).rejects.toThrow('fetch failed');
  }, 120_000);

  it('refuses production', async () => {
    const { output, code } = await demo([], undefined, { PLAID_ENV: 'production', PLAID_CLIENT_ID: 'id' });
    expect(code).toBe(1);
    expect(output).toMatch(
      /^processor-link demo cannot start\. One setting is wrong:\n {2}PLAID_ENV is production: /,
    );
  });

  it('refuses an argument it does not know', async () => {
    const { output, code } = await demo(['--kep']);
    expect(code).toBe(1);
    expect(output).toContain('--keep');
  });
});
