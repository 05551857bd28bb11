import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { claimPort } from '../../src/system/free-port';
import { type Environment, type ServiceName, ServiceProcess } from '../support/service-process';
import { serviceBuild } from '../support/temporal';

const LOOPBACK = '127.0.0.1';
const CANARY = 'canary-5b21d7';
const KEY = 'caller-key-1';

let build: string;
let folder: string;
let awayPort: number;
let processes: ServiceProcess[] = [];

beforeAll(async () => {
  build = await serviceBuild();
}, 240_000);
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-entry-'));
  awayPort = await claimPort(LOOPBACK, 0);
});
afterEach(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  processes = [];
  await rm(folder, { recursive: true });
});

/** Right settings, and a Temporal that is not there. */
function settings(): Environment {
  return {
    TEMPORAL_ADDRESS: `${LOOPBACK}:${awayPort}`,
    PLAID_CLIENT_ID: `client-${CANARY}`,
    PLAID_SECRET: `plaid-${CANARY}`,
    PLAID_BASE_URL: `http://${LOOPBACK}:${awayPort}`,
    ATOMIC_API_KEY: `atomic-key-${CANARY}`,
    ATOMIC_API_SECRET: `atomic-${CANARY}`,
    ATOMIC_BASE_URL: `http://${LOOPBACK}:${awayPort}`,
    API_KEYS: KEY,
  };
}

async function launch(name: ServiceName, env: Environment): Promise<ServiceProcess> {
  const port = await claimPort(LOOPBACK, 0);
  const variable = { api: 'PORT', worker: 'WORKER_PORT', codec: 'CODEC_PORT' }[name];
  const url = `http://${LOOPBACK}:${port}`;
  const one = new ServiceProcess({ name, build, folder, url, env: { [variable]: String(port), ...env } });
  processes.push(one);
  one.launch();
  return one;
}

async function isAlive({ url }: ServiceProcess): Promise<boolean> {
  const answer = await fetch(`${url}/livez`).catch(() => undefined);
  return answer?.status === 200;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function statusWith(api: ServiceProcess, key: string): Promise<number> {
  const answer = await fetch(`${api.url}/v1/links?pageSize=0`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return answer.status;
}

function isFree(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(Number(port), LOOPBACK, () => server.close(() => resolve(true)));
  });
}

describe('a process with wrong settings', () => {
  it.each<[ServiceName, string[]]>([
    ['api', ['API_KEYS', 'ENCRYPTION_KEYS', 'PLAID_CLIENT_ID', 'PLAID_SECRET', 'ATOMIC_API_SECRET', 'PORT']],
    [
      'worker',
      ['ENCRYPTION_KEYS', 'PLAID_CLIENT_ID', 'ATOMIC_API_KEY', 'ATOMIC_API_SECRET', 'NOTIFY_SECRET'],
    ],
    ['codec', ['ENCRYPTION_KEYS', 'CODEC_TOKEN', 'CODEC_AUDIENCE', 'TEMPORAL_UI_ORIGIN']],
  ])('%s names all that is wrong, shows no secret and exits with 1', async (name, expected) => {
    const one = await launch(name, {
      NODE_ENV: 'production',
      PORT: `${CANARY}1`,
      PLAID_SECRET: `${CANARY} 2`,
      NOTIFY_URL: 'https://backend.example.com/',
      CODEC_TOKEN: `${CANARY} 3`,
      CODEC_ISSUER: CANARY,
      CODEC_JWKS_URL: 'https://login.example.com/jwks',
      TEMPORAL_UI_ORIGIN: `${CANARY}/4`,
    });
    expect(await one.exited).toEqual({ code: 1, signal: null });
    for (const variable of expected) expect(one.output).toMatch(new RegExp(`^ {2}${variable} `, 'm'));
    expect(one.output).not.toContain(CANARY);
  });
});

describe('the API while Temporal is away', () => {
  it('starts, answers what needs no Temporal, and 503 within 5 s to the rest', async () => {
    const api = await launch('api', settings());
    await until(() => isAlive(api));
    expect((await fetch(`${api.url}/openapi.json`)).status).toBe(200);
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain('process_cpu_seconds_total');
    for (const route of ['/readyz', '/v1/links/u1']) {
      const startedAt = performance.now();
      const answer = await fetch(api.url + route, { headers: { authorization: `Bearer ${KEY}` } });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
  });

  it('ends with 0 and frees its port when it is asked to', async () => {
    const api = await launch('api', settings());
    await until(() => isAlive(api));
    expect(await api.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await isFree(new URL(api.url).port)).toBe(true);
    expect(api.output).not.toContain(CANARY);
  });

  it('says which port is taken, and by which setting another is chosen', async () => {
    const first = await launch('api', settings());
    await until(() => isAlive(first));
    const second = await launch('api', { ...settings(), PORT: new URL(first.url).port });
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output).toMatch(/EADDRINUSE.*set PORT/);
  });
});

describe('SIGHUP', () => {
  it('lets the API keys of .env count from then on, and no wrong ones', async () => {
    const file = path.join(folder, '.env');
    const { API_KEYS: _, ...others } = settings();
    await writeFile(file, `API_KEYS=${KEY}\nPORT=1\n`);
    const api = await launch('api', others);
    await until(() => isAlive(api));
    expect(await statusWith(api, KEY)).toBe(400);
    expect(await statusWith(api, 'caller-key-2')).toBe(401);

    await writeFile(file, `API_KEYS=${KEY},caller-key-2\n`);
    api.signal('SIGHUP');
    await until(async () => (await statusWith(api, 'caller-key-2')) === 400);
    expect(await statusWith(api, KEY)).toBe(400);

    await writeFile(file, 'API_KEYS=new:caller-key-2\n');
    api.signal('SIGHUP');
    await until(async () => (await statusWith(api, KEY)) === 401);

    await writeFile(file, `API_KEYS=${CANARY} with spaces\n`);
    api.signal('SIGHUP');
    await until(() => api.output.includes('were not read again'));
    expect(await statusWith(api, 'caller-key-2')).toBe(400);
    expect(api.output).not.toContain(CANARY);
  });

  it('lets keys of .env replace those of the environment', async () => {
    const api = await launch('api', settings());
    await until(() => isAlive(api));
    await writeFile(path.join(folder, '.env'), 'API_KEYS=caller-key-3\n');
    api.signal('SIGHUP');
    await until(async () => (await statusWith(api, 'caller-key-3')) === 400);
    expect(await statusWith(api, KEY)).toBe(401);
  });
});

describe('the worker while Temporal is away', () => {
  it('is alive, not ready, keeps trying, and ends with 0 when it is asked to', async () => {
    const worker = await launch('worker', settings());
    await until(() => isAlive(worker));
    expect((await fetch(`${worker.url}/readyz`)).status).toBe(503);
    await until(() => worker.logLines.filter(({ msg }) => msg === 'Temporal is not ready').length >= 2);
    expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(worker.output).not.toContain(CANARY);
  });
});

describe('the codec server', () => {
  it('listens on loopback alone without a token, whatever HOST says', async () => {
    const codec = await launch('codec', { HOST: '0.0.0.0' });
    await until(() => isAlive(codec));
    const line = codec.logLines.find(({ msg }) => String(msg).startsWith('codec server without'));
    expect(line?.url).toBe(codec.url);
    expect(await codec.kill('SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('shares the key of the machine with the API, both started at once', async () => {
    const [codec, api] = await Promise.all([launch('codec', {}), launch('api', settings())]);
    await until(async () => (await isAlive(codec)) && (await isAlive(api)));
    const key = await readFile(path.join(folder, '.processor-link', 'encryption-key'), 'utf8');
    expect(key).toMatch(/^dev:[A-Za-z0-9+/]{43}=\n$/);
    expect(codec.output + api.output).not.toContain(key.trim().slice(4));
  });

  it('runs in production with keys', async () => {
    const codec = await launch('codec', {
      NODE_ENV: 'production',
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      CODEC_TOKEN: `token-${CANARY}`,
    });
    await until(() => isAlive(codec));
    const answer = await fetch(`${codec.url}/decode`, { method: 'POST' });
    expect(answer.status).toBe(401);
  });
});
