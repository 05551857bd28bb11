import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { TEMPORAL_VERSION } from '../src/dev-server/temporal-server';
import { apiSchema, codecSchema, commandSchema, workerSchema } from '../src/settings/schemas';
import { moduleOf, temporalVersions } from './cluster/temporal-build';
import { ROOT } from './support/source-files';

const serviceSchema = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  ports: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string() })).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  restart: z.string(),
  stop_grace_period: z.string().optional(),
  logging: z.object({ driver: z.string(), options: z.record(z.string(), z.string()) }),
  mem_limit: z.string(),
  profiles: z.array(z.string()).optional(),
});
type Service = z.infer<typeof serviceSchema>;
const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  configs: z.record(z.string(), z.union([z.object({ content: z.string() }), z.object({ file: z.string() })])),
  volumes: z.record(z.string(), z.unknown()),
});

const text = read('docker-compose.yml');
const { services, configs, volumes } = composeSchema.parse(parse(text, { merge: true }));
const dockerfile = read('Dockerfile').replaceAll('\\\n', ' ').split('\n');
const manifest: { scripts: Record<string, string> } = JSON.parse(read('package.json'));
const documented = Object.keys(parseEnv(read('.env.example').replace(/^# ([A-Z][A-Z0-9_]*=)/gm, '$1')));
const VARIABLE = /(?<!\$)\$\{([A-Z][A-Z0-9_]*)(:[-?])?([^}]*)\}/g;

/** By the image: see the Dockerfile. */
const imageEnvironment = Object.fromEntries(
  dockerfile.flatMap((line) =>
    line.startsWith('ENV ')
      ? line
          .slice(4)
          .split(' ')
          .map((pair): [string, string] => splitPair(pair))
      : [],
  ),
);

function read(file: string): string {
  return readFileSync(path.resolve(ROOT, file), 'utf8');
}

function splitPair(pair: string): [string, string] {
  const [name = '', value = ''] = pair.split('=');
  return [name, value];
}

function service(name: string): Service {
  const found = services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

function namesOf(isWanted: (one: Service) => boolean): string[] {
  return Object.keys(services)
    .filter((name) => isWanted(service(name)))
    .sort();
}

/** What a container gets, with these variables in `.env`. */
function environmentOf(name: string, env: Record<string, string>): Record<string, string> {
  const own = Object.entries(service(name).environment).map(([key, value]) => [
    key,
    String(value).replace(VARIABLE, (_whole, variable: string) => env[variable] ?? ''),
  ]);
  return { ...imageEnvironment, ...Object.fromEntries(own) };
}

describe('docker-compose.yml', () => {
  it('has PostgreSQL, Temporal, its UI and each process of the service', () => {
    expect(namesOf(({ profiles }) => profiles === undefined)).toEqual([
      'api',
      'codec',
      'codec-door',
      'postgresql',
      'search-attributes',
      'temporal',
      'temporal-namespace',
      'temporal-schema',
      'temporal-ui',
      'worker',
    ]);
  });

  it('has Prometheus and Grafana for those who ask for them', () => {
    expect(namesOf(({ profiles }) => profiles?.join() === 'monitoring')).toEqual(['grafana', 'prometheus']);
  });

  it('bounds the memory and the log of every container', () => {
    for (const { mem_limit, logging } of Object.values(services)) {
      expect(mem_limit).toMatch(/^\d+[mg]$/);
      expect(logging).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } });
    }
  });

  it('runs the Temporal and the UI of `npm start`, and the schema of the same version', async () => {
    const versionOf = (name: string) => service(name).image.split(':')[1];
    for (const name of ['temporal', 'temporal-schema', 'temporal-namespace']) {
      expect(versionOf(name)).toBe(TEMPORAL_VERSION);
    }
    const goModule = read(path.join(moduleOf(TEMPORAL_VERSION), 'go.mod'));
    expect(goModule).toContain(`github.com/temporalio/ui-server/v2 v${versionOf('temporal-ui')}\n`);
  });

  it('can be upgraded to from a Temporal that can be built, as the cluster of the tests is', async () => {
    const versions = await temporalVersions();
    expect(versions.indexOf(TEMPORAL_VERSION)).toBeGreaterThan(0);
    for (const version of versions) {
      const goModule = read(path.join(moduleOf(version), 'go.mod'));
      expect(goModule).toMatch(new RegExp(`^\\tgo\\.temporal\\.io/server v${version}( // indirect)?$`, 'm'));
    }
  });

  it('takes every image in one known version', () => {
    const pulled = Object.values(services).filter(({ build }) => build === undefined);
    expect(
      pulled
        .map(({ image }) => image)
        .filter((image) => !/^[a-z/-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*$/.test(image)),
    ).toEqual([]);
  });

  it('uses variables that .env.example explains, and says what each is without one', () => {
    const used = [...text.matchAll(VARIABLE)];
    expect(used.length).toBeGreaterThan(20);
    expect(used.map(([, name = '']) => name).filter((name) => !documented.includes(name))).toEqual([]);
    const bare = used.filter(([, , operator]) => operator === undefined).map(([, name]) => name);
    // In a config, where the service that it is for asks for it.
    expect(bare).toEqual(['CODEC_TOKEN']);
  });

  it.each([
    ['api', apiSchema],
    ['worker', workerSchema],
    ['codec', codecSchema],
    ['search-attributes', commandSchema],
  ])('gives %s every setting that it reads, and nothing else', (name, { names: read }) => {
    const given = new Set([...Object.keys(imageEnvironment), ...Object.keys(service(name).environment)]);
    expect(read.filter((setting) => !given.has(setting))).toEqual([]);
    const own = Object.keys(service(name).environment);
    expect(own.filter((setting) => !read.includes(setting))).toEqual([
      'TEMPORAL_ADDRESS',
      'TEMPORAL_NAMESPACE',
    ]);
  });

  it('starts nothing without the secrets that it needs', () => {
    const required = [...text.matchAll(VARIABLE)]
      .filter(([, , operator]) => operator === ':?')
      .map(([, name]) => name);
    expect([...new Set(required)].sort()).toEqual([
      'API_KEYS',
      'ATOMIC_API_KEY',
      'ATOMIC_API_SECRET',
      'CODEC_TOKEN',
      'ENCRYPTION_KEYS',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
      'POSTGRES_PASSWORD',
      'PUBLIC_URL',
    ]);
  });

  it('gives each process settings that it starts with', () => {
    const env = {
      ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      PLAID_CLIENT_ID: 'id',
      PLAID_SECRET: 'secret',
      ATOMIC_API_KEY: 'key',
      ATOMIC_API_SECRET: 'atomic-api-secret',
      API_KEYS: `backend:${'0123456789'.repeat(4)}`,
      CODEC_TOKEN: '0123456789abcdef',
      PUBLIC_URL: 'https://links.example.com',
    };
    expect(apiSchema.read(environmentOf('api', env))).toMatchObject({
      http: { host: '0.0.0.0', port: 3000, publicUrl: 'https://links.example.com' },
    });
    expect(workerSchema.read(environmentOf('worker', env)).work).toMatchObject({
      host: '0.0.0.0',
      port: 3001,
    });
    // With a token the codec server may be reached from outside its container.
    expect(codecSchema.read(environmentOf('codec', env)).codec).toMatchObject({
      host: '0.0.0.0',
      port: 3002,
    });
  });

  it('runs what package.json runs', () => {
    const commandOf = (name: string) => (service(name).command ?? []).join(' ');
    // A container bounds the memory, from which Node derives its heap's.
    expect(manifest.scripts.worker?.split('exec ').at(-1)).toBe(commandOf('worker'));
    expect(commandOf('codec')).toBe(manifest.scripts.codec);
    expect(service('api').command).toBeUndefined();
    const [, entry = ''] = service('search-attributes').command ?? [];
    expect(manifest.scripts['search-attributes']).toContain(sourceOf(entry));
  });

  it('opens every port to its own machine alone', () => {
    const ports = Object.values(services).flatMap((one) => one.ports);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
  });

  it('waits for what can be waited for', () => {
    for (const { depends_on } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        const { healthcheck, build, restart } = service(name);
        if (condition === 'service_completed_successfully') expect(restart).toMatch(/^on-failure/);
        else expect(healthcheck?.test ?? build).toBeDefined();
      }
    }
  });

  it('starts the service after schema, namespace and search attributes', () => {
    const chainOf = (name: string): string[] =>
      Object.keys(service(name).depends_on).flatMap((other) => [other, ...chainOf(other)]);
    const chain = ['search-attributes', 'temporal-namespace', 'temporal', 'temporal-schema', 'postgresql'];
    expect(chainOf('worker')).toEqual(chain);
    expect(chainOf('api')).toEqual(chain);
  });

  it('has the configs and volumes that it mounts', () => {
    const mounted = Object.values(services).flatMap((one) => one.configs.map(({ source }) => source));
    expect(mounted.filter((name) => !Object.hasOwn(configs, name))).toEqual([]);
    const named = Object.values(services).flatMap((one) =>
      one.volumes.map((volume) => volume.split(':')[0] ?? ''),
    );
    expect(named.sort()).toEqual(Object.keys(volumes).sort());
    const files = Object.values(configs).flatMap((one) => ('file' in one ? [one.file] : []));
    expect(files.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
  });

  it('gives the worker more than the minute that draining may take', () => {
    expect(service('worker').stop_grace_period).toBe('70s');
    const source = read('src/worker/start-worker.ts');
    const limits = ['DRAIN_MS', 'FORCE_AFTER_DRAIN_MS'].map((name) =>
      Number(new RegExp(`const ${name} = ([\\d_]+)`).exec(source)?.[1]?.replaceAll('_', '')),
    );
    expect(limits.reduce((sum, limitMs) => sum + limitMs)).toBeLessThan(70_000);
  });
});

/** `dist/src/commands/api.js` is made of `src/commands/api.ts`. */
function sourceOf(built: string): string {
  return built.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}

describe('Dockerfile', () => {
  const lines = (word: string) =>
    dockerfile.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const [cmd = '[]'] = lines('CMD');

  it('is based on Debian and a Node with long-term support', () => {
    const [base = '', ...stages] = lines('FROM');
    const [, major = ''] = /^node:(\d+)\.\d+\.\d+-bookworm-slim AS base$/.exec(base) ?? [];
    expect(Number(major) % 2).toBe(0);
    expect(stages).toEqual(['base AS build', 'base']);
  });

  it('runs the API, not as root', () => {
    expect(z.array(z.string()).parse(JSON.parse(cmd)).join(' ')).toBe(manifest.scripts.api);
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM base'));
    expect(last.indexOf('USER 1000:1000')).toBeGreaterThan(0);
    expect(last.indexOf('USER 1000:1000')).toBeLessThan(last.findIndex((line) => line.startsWith('CMD')));
  });

  it('holds built code and what it needs at run time', () => {
    expect(dockerfile).toContain('RUN npm run build && npm prune --omit=dev');
    const copied = dockerfile
      .slice(dockerfile.lastIndexOf('FROM base'))
      .filter((line) => line.startsWith('COPY'));
    expect(copied.map((line) => line.split(' ').at(-2))).toEqual([
      '/app/package.json',
      '/app/node_modules',
      '/app/dist',
    ]);
    expect(copied.every((line) => line.startsWith('COPY --from=build '))).toBe(true);
  });

  it('copies what there is, and what .dockerignore lets in', () => {
    const copied = lines('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    const [first, ...letIn] = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(first).toBe('*');
    expect(copied.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
    expect(copied.sort()).toEqual(letIn.map((line) => line.slice(1)).sort());
  });

  describe('HEALTHCHECK', () => {
    const [, json = '[]'] = /CMD (\[.*\])$/.exec(lines('HEALTHCHECK')[0] ?? '') ?? [];
    const [command = '', ...args] = z.array(z.string()).parse(JSON.parse(json));
    const servers: Server[] = [];

    afterEach(async () => {
      for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    });

    async function listen(status: number): Promise<string> {
      const server = createServer((request, response) => {
        response.writeHead(request.url === '/livez' ? status : 404, { connection: 'close' }).end();
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      return String(typeof address === 'object' && address ? address.port : 0);
    }

    /** Port 9 is "discard": nothing listens there. */
    async function check(ports: {
      PORT?: string;
      WORKER_PORT?: string;
      CODEC_PORT?: string;
    }): Promise<number | null> {
      const env = { PATH: process.env.PATH ?? '', PORT: '9', WORKER_PORT: '9', CODEC_PORT: '9', ...ports };
      const child = spawn(command, args, { env, stdio: 'ignore' });
      return new Promise((resolve) => child.once('close', resolve));
    }

    it.each(['PORT', 'WORKER_PORT', 'CODEC_PORT'])('passes for a process that lives on %s', async (name) => {
      expect(await check({ [name]: await listen(200) })).toBe(0);
    });

    it('fails when no process answers', async () => {
      expect(await check({})).toBe(1);
    });

    it('fails for a process that is not well', async () => {
      expect(await check({ PORT: await listen(500) })).toBe(1);
    });
  });
});
