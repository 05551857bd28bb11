import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Webhook } from 'standardwebhooks';
import { claimPort } from '../../src/system/free-port';
import { type Service, startService } from '../support/service';

jest.setTimeout(180_000);

const ROOT = path.join(__dirname, '../..');
const EXAMPLES = path.join(ROOT, 'docs/examples');
const JOB = 'employer-classification';
const secret = `whsec_${randomBytes(24).toString('base64')}`;

let service: Service | undefined;
let receiver: ChildProcess | undefined;
afterEach(async () => {
  await service?.close();
  if (receiver && receiver.exitCode === null) {
    const gone = once(receiver, 'exit');
    receiver.kill();
    await gone;
  }
});

/** Runs an example. `saysWhen` resolves once it has said something that fits. */
async function run(command: string, args: readonly string[]) {
  const port = await claimPort('127.0.0.1', 0);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), NOTIFY_SECRET: secret };
  receiver = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  let noteLine = () => {};
  if (!receiver.stdout) throw new Error('no output');
  createInterface({ input: receiver.stdout }).on('line', (line) => {
    said.push(line);
    noteLine();
  });
  const saysWhen = async (words: string) => {
    while (!said.some((line) => line.includes(words))) {
      await new Promise<void>((resolve) => {
        noteLine = resolve;
      });
    }
  };
  await saysWhen('ready');
  return { url: `http://127.0.0.1:${port}/`, said, saysWhen };
}

it.each<[name: string, command: string, args: string[]]>([
  ['receiver.ts', process.execPath, ['--import', 'tsx', path.join(EXAMPLES, 'receiver.ts')]],
  ['receiver.py', 'python3', [path.join(EXAMPLES, 'receiver.py')]],
])(
  '%s of the documents takes what the service sends, each event once, and nothing else',
  async (_name, command, args) => {
    const { url, said, saysWhen } = await run(command, args);
    service = await startService({ env: { NOTIFY_URL: url, NOTIFY_SECRET: secret } });
    const { userId, itemId } = await service.link({ jobs: [JOB] });
    await saysWhen(`job.completed ${userId} ${JOB} completed`);
    await service.plaid.requireLogin(itemId);
    await saysWhen(`link.needs_attention ${userId} needs_attention sign_in_required`);
    await service.plaid.repair(itemId);
    await saysWhen(`link.recovered ${userId} linked`);
    await service.plaid.fireWebhook(itemId, 'PENDING_DISCONNECT');
    await saysWhen(`link.warning ${userId} linked pending_disconnect`);
    await service.call.unlink(userId, 60);
    await saysWhen(`link.unlinked ${userId} unlinked`);

    const body = JSON.stringify({
      type: 'job.failed',
      timestamp: new Date().toISOString(),
      data: { userId: 'replayed', runId: 'run', state: 'failed' },
    });
    const send = async (key: string, sentAt: Date) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'webhook-id': 'msg_again',
          'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1_000)),
          'webhook-signature': new Webhook(key).sign('msg_again', sentAt, body),
        },
        body,
      });
      return response.status;
    };
    const now = new Date();
    const other = `whsec_${randomBytes(24).toString('base64')}`;
    expect(await send(other, now)).toBe(400);
    expect(await send(secret, new Date(now.getTime() - 3_600_000))).toBe(400);
    expect([await send(secret, now), await send(secret, now)]).toEqual([204, 204]);
    await saysWhen('replayed');
    expect(said.filter((line) => line.includes('replayed'))).toHaveLength(1);
    expect(new Set(said).size).toBe(said.length);
  },
);
