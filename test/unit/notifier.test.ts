import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { NotificationEvent } from '../../src/contract/notifications';
import { notificationSchema } from '../../src/contract/schemas';
import { createNotifier, NotificationError } from '../../src/providers/notifier';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server';

const newSecret = `whsec_${randomBytes(24).toString('base64')}`;
const oldSecret = `whsec_${randomBytes(24).toString('base64')}`;
const event: NotificationEvent = {
  id: 'msg_1',
  type: 'job.completed',
  timestamp: '2025-03-01T12:00:00.000Z',
  data: { userId: 'u1', job: 'employer-classification', state: 'completed' },
};

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

function notifier(options: { secrets?: string[]; timeoutMs?: number; path?: string } = {}) {
  const { secrets = [newSecret], timeoutMs = 5_000, path = '/hook?token=url-canary' } = options;
  return createNotifier({ url: server.url + path, secrets, timeoutMs });
}

function refusalOf(post: Promise<void>): Promise<NotificationError> {
  return post.then(
    () => {
      throw new Error('it was taken');
    },
    (error: unknown) => {
      if (error instanceof NotificationError) return error;
      throw error;
    },
  );
}

function verify(secret: string): unknown {
  const [received] = server.received;
  if (!received) throw new Error('nothing was received');
  const headers = Object.fromEntries(
    Object.entries(received.headers).map(([name, value]) => [name, String(value)]),
  );
  return new Webhook(secret).verify(received.body, headers);
}

describe('a notification', () => {
  it('is a Standard Webhook that the library verifies', async () => {
    server.script((response) => response.writeHead(204).end());
    await notifier()(event);
    const body = notificationSchema.parse(verify(newSecret));
    expect(body).toEqual({ type: event.type, timestamp: event.timestamp, data: event.data });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({
      method: 'POST',
      path: '/hook?token=url-canary',
      headers: { 'webhook-id': 'msg_1', 'content-type': 'application/json' },
    });
  });

  it('is signed with every secret while they are being changed, and with no other', async () => {
    server.script((response) => response.writeHead(200).end('ok'));
    await notifier({ secrets: [newSecret, oldSecret] })(event);
    expect(verify(newSecret)).toBeDefined();
    expect(verify(oldSecret)).toBeDefined();
    expect(() => verify(`whsec_${randomBytes(24).toString('base64')}`)).toThrow('No matching signature');
    expect(String(server.received[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  });

  it.each([400, 404, 500, 503])('is not taken by a %s, and may be tried again', async (status) => {
    server.script((response) => response.writeHead(status).end('body-canary'));
    const { gone, message } = await refusalOf(notifier()(event));
    expect(gone).toBe(false);
    expect(message).toBe(`The notification was not taken: HTTP ${status}`);
  });

  it('is given up when the receiver is gone', async () => {
    server.script((response) => response.writeHead(410).end());
    expect((await refusalOf(notifier()(event))).gone).toBe(true);
  });

  it('is tried again when the receiver says', async () => {
    server.script((response) => response.writeHead(429, { 'retry-after': '7' }).end());
    expect((await refusalOf(notifier()(event))).retryAfterMs).toBe(7_000);
  });

  it('never follows a redirect', async () => {
    server.script(
      (response) => response.writeHead(307, { location: `${server.url}/elsewhere` }).end(),
      (response) => response.writeHead(200).end(),
    );
    expect((await refusalOf(notifier()(event))).message).toContain('HTTP 307');
    expect(server.received).toHaveLength(1);
  });

  it('is not waited for longer than its deadline', async () => {
    server.script(() => undefined);
    const { message } = await refusalOf(notifier({ timeoutMs: 50 })(event));
    expect(message).toContain('no answer in time');
  });

  it('fails without a word of URL or secret when nobody is there', async () => {
    const post = createNotifier({ url: 'http://127.0.0.1:1/?token=url-canary', secrets: [newSecret] });
    const error = await refusalOf(post(event));
    expect(error.message).toBe('The notification was not taken: no connection');
    expect(`${error.stack}${JSON.stringify(error)}`).not.toMatch(/url-canary|whsec_/);
    expect(error.cause).toBeUndefined();
  });

  it('stops when its step is cancelled', async () => {
    server.script(() => undefined);
    const cancelled = new AbortController();
    const arrived = server.nextRequest();
    const post = notifier()(event, { signal: cancelled.signal });
    await arrived;
    cancelled.abort(new Error('cancelled'));
    await expect(post).rejects.toThrow('cancelled');
  });
});
