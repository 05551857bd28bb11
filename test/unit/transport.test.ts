import { isNativeError } from 'node:util/types';
import { gzipSync } from 'node:zlib';
import axios from 'axios';
import { createCallHttp, failedToConnect } from '../../src/providers/http-call';
import { AnswerTooLarge, overHttp } from '../../src/providers/plaid/over-http';
import { claimPort } from '../../src/system/free-port';
import { type Reply, reset, type ScriptedServer, startScriptedServer } from '../support/scripted-server';

const MAX_BYTES = 2_000;

const pooled = overHttp(createCallHttp(), MAX_BYTES);
/** What the pool took the place of. */
const reference = axios.create({
  proxy: false,
  maxRedirects: 0,
  maxContentLength: MAX_BYTES,
  validateStatus: () => true,
});

let server: ScriptedServer;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

type Transport = Pick<typeof pooled, 'request'>;

/** The answer as providers read it, or what kind of none came. */
async function outcomeOf(transport: Transport, url: string, signal = new AbortController().signal) {
  try {
    const { status, data, headers } = await transport.request({
      url,
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'PLAID-SECRET': 'secret' },
      data: '{"access_token":"a"}',
      signal,
    });
    return { status, data, retryAfter: headers['retry-after'] };
  } catch (error) {
    // Node's own errors are of another realm than Jest's.
    if (!isNativeError(error)) throw error;
    const isTooLarge = error instanceof AnswerTooLarge || error.message.startsWith('maxContentLength');
    return isTooLarge ? 'too large' : 'no answer';
  }
}

/** Numbers from 0 up to 1, the same ones for a seed (mulberry32). */
function numbersOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const STATUSES = [200, 201, 204, 301, 307, 400, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504];
const BODIES = [
  '',
  '{}',
  '[]',
  'null',
  '"text"',
  '{"error_code":"ITEM_LOGIN_REQUIRED"}',
  '{"half":',
  '<html>Bad Gateway</html>',
  '\u{1f3e6} ümlaut',
  `{"long":"${'x'.repeat(MAX_BYTES - 11)}"}`,
  `{"long":"${'x'.repeat(MAX_BYTES)}"}`,
] as const;

function generated(seed: number): { name: string; reply: Reply } {
  const next = numbersOf(seed);
  const one = <T>(choices: readonly T[]): T => {
    const choice = choices[Math.floor(next() * choices.length)];
    if (choice === undefined) throw new Error('There is no choice.');
    return choice;
  };
  const status = one(STATUSES);
  const end = one(['whole', 'whole', 'whole', 'closed', 'broken'] as const);
  const drawn = status === 204 ? '' : one(BODIES);
  // A body that is too large and breaks off is either.
  const text = end === 'broken' ? drawn.slice(0, MAX_BYTES / 2) : drawn;
  const isZipped = text !== '' && next() < 0.3;
  const body = isZipped ? gzipSync(text) : Buffer.from(text);
  const isAnnounced = next() < 0.5;
  const type = one(['application/json', 'application/json; charset=utf-8', 'text/html', ''] as const);
  const headers = {
    ...(type && { 'content-type': type }),
    ...(isZipped && { 'content-encoding': 'gzip' }),
    ...(next() < 0.3 && { 'retry-after': '7' }),
    ...(next() < 0.3 && { location: `${server.url}/elsewhere` }),
    ...(end === 'closed' && { connection: 'close' }),
    // A body that breaks off has to have more to come.
    ...(isAnnounced && { 'content-length': String(body.length + (end === 'broken' ? 10 : 0)) }),
  };
  const reply: Reply = (response) => {
    response.writeHead(status, headers);
    if (end !== 'broken') return void response.end(body);
    response.write(body.length === 0 ? ' ' : body, () => response.socket?.destroy());
  };
  const name = JSON.stringify({ seed, status, bytes: body.length, end, ...headers });
  return { name, reply: end === 'broken' && status === 204 ? reset : reply };
}

describe('answers over the pool', () => {
  it('are those of axios, for 500 generated ones', async () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const { name, reply } = generated(seed);
      server.script(reply);
      const expected = await outcomeOf(reference, server.url);
      const actual = await outcomeOf(pooled, server.url);
      expect({ name, outcome: actual }).toEqual({ name, outcome: expected });
      // One request of each: nothing is followed and nothing is sent again.
      expect({ name, requests: server.received.length }).toEqual({ name, requests: 2 });
      const [one, other] = server.received;
      expect(other).toMatchObject({ method: one?.method, path: one?.path, body: one?.body });
    }
  });

  it('end with the reason of whoever aborts them', async () => {
    server.script(() => undefined);
    const controller = new AbortController();
    const reason = new Error('enough');
    const call = pooled.request({ url: server.url, data: '{}', signal: controller.signal });
    await Promise.all([
      server.nextRequest().then(() => controller.abort(reason)),
      expect(call).rejects.toBe(reason),
    ]);
  });

  it('tell a connection that never came about from one that broke', async () => {
    const callHttp = createCallHttp();
    const call = (url: string) =>
      callHttp({
        url,
        method: 'POST',
        headers: {},
        body: '{}',
        maxBytes: 1,
        signal: new AbortController().signal,
      });
    const port = await claimPort('127.0.0.1', 0);
    const refused = await call(`http://127.0.0.1:${port}`).catch((error: unknown) => error);
    expect(failedToConnect(refused)).toBe(true);
    server.script(reset);
    const broken = await call(server.url).catch((error: unknown) => error);
    expect(failedToConnect(broken)).toBe(false);
  });
});
