import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { FAILURE_CODES, PROBLEM_CODES } from '../src/contract/failures';
import { NOTIFICATION_TYPES } from '../src/contract/notifications';
import { SAVED_QUERIES, savedQueryUrl } from '../src/operator/links/saved-queries';
import { apiSchema, codecSchema, commandSchema, localSchema, workerSchema } from '../src/settings/schemas';
import { closeApps, testApp } from './http/support/test-app';
import { filesBelow, ROOT } from './support/source-files';

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...filesBelow('docs').filter((file) => file.endsWith('.md')),
];
const SETTINGS = new Set(
  [apiSchema, workerSchema, codecSchema, localSchema, commandSchema].flatMap(({ names }) => names),
);
/** Read by others than our schemas: Temporal's own client configuration, and Docker Compose. */
const OTHERS_SETTINGS = [
  'NO_COLOR',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'TEMPORAL_API_KEY',
  'TEMPORAL_CONFIG_FILE',
  'TEMPORAL_PROFILE',
  'TEMPORAL_TLS',
  'POSTGRES_PASSWORD',
];
/** Capitals with an underscore that are no settings: Plaid's codes, and names in code. */
const NO_SETTINGS = ['LINK_EDGES', 'NODE_OPTIONS', 'INVALID_PUBLIC_TOKEN', 'ITEM_LOGIN_REQUIRED'];

const manifest: { scripts: Record<string, string>; exports: Record<string, unknown> } = JSON.parse(
  read('package.json'),
);

const openApiSchema = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

function read(file: string): string {
  return readFileSync(path.join(ROOT, file), 'utf8');
}

describe.each(DOCUMENTS)('%s', (file) => {
  const text = read(file);

  it('names npm commands that exist', () => {
    const named = [...text.matchAll(/\bnpm (?:run ([a-z:-]+)|(test|start)\b)/g)].map(
      ([, run, own]) => run ?? own ?? '',
    );
    expect(named.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  it('names settings that exist', () => {
    const named = [...text.matchAll(/(?<![A-Z_/])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![A-Z_*])/g)].map(
      ([name]) => name,
    );
    const known = [...SETTINGS, ...OTHERS_SETTINGS, ...NO_SETTINGS].flatMap((name) => [name, `${name}_FILE`]);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets
      .filter((target) => !/^(https:\/\/|http:\/\/127\.0\.0\.1:)/.test(target))
      .filter((target) => {
        const [name = '', heading] = target.split('#');
        const linked = name === '' ? file : path.posix.join(path.posix.dirname(file), name);
        return (
          !existsSync(path.join(ROOT, linked)) ||
          (heading !== undefined && !headingsOf(read(linked)).includes(heading))
        );
      });
    expect(broken).toEqual([]);
  });

  it('names files and folders that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|workflows|activities|docs)\/[A-Za-z0-9./-]*)`/g)].map(
      ([, name = '']) => name,
    );
    expect(named.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
  });
});

/** As links name them: `## Change the workflow` is `change-the-workflow`. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('README.md', () => {
  const text = read('README.md');

  it('has at most 130 lines', () => {
    expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(130);
  });

  it('names every command that is for users', () => {
    const forDevelopers = [
      'prepare',
      'lint',
      'format',
      'typecheck',
      'test:long',
      'test:model',
      'test:mutation',
      'test:ui',
      'test:matrix',
      'test:year',
      'bench:cluster',
      'soak',
      'record-histories',
    ];
    const commands = Object.keys(manifest.scripts).filter((name) => !forDevelopers.includes(name));
    const isNamed = (name: string) => new RegExp(`npm (run )?${name}\\b`).test(text);
    expect(commands.filter((name) => !isNamed(name))).toEqual([]);
  });

  it('names what the package exports', () => {
    const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'));
    expect(entries).toEqual(['./client']);
    expect(text).toContain("'processor-link/client'");
  });

  it('has every route of the API, and no other', async () => {
    const { app } = testApp();
    const { paths } = openApiSchema.parse((await app.inject('/openapi.json')).json());
    await closeApps();
    const routes = Object.entries(paths).flatMap(([url, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${url.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const table = /^\| route (?:.*\n)+?\n/m.exec(text)?.[0] ?? '';
    const named = [...table.matchAll(/^\| ((?:[A-Z]+ )?\/.*?) \|/gm)].flatMap(([, cell = '']) =>
      routesOf(cell),
    );
    expect(named.sort()).toEqual(routes.sort());
  });
});

/** Of `GET /livez, /readyz` both, without queries and bodies. */
function routesOf(cell: string): string[] {
  let method = '';
  return cell.split(/, (?=[A-Z/])/).map((route) => {
    const [, own = method, url = ''] = /^([A-Z]+)? ?(\/[^ ?`]*)/.exec(route) ?? [];
    method = own;
    return `${method} ${url}`;
  });
}

describe('SECURITY.md', () => {
  it('says of everybody in the threat model what they get, and which test shows it', () => {
    const rows = [
      ...(/^\| who [\s\S]*?\n\n/m.exec(read('SECURITY.md'))?.[0].matchAll(/^\| (.+) \|$/gm) ?? []),
    ]
      .slice(2)
      .map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
    expect(rows.length).toBeGreaterThanOrEqual(10);
    const unproved = rows.filter(([, , shownBy = '']) => !/`test\/[\w/.-]+\.test\.ts`/.test(shownBy));
    // What has a worker's keys has everything, and there is nothing to show.
    expect(unproved.map(([who]) => who)).toEqual(["a thief of a worker's process or settings"]);
  });
});

describe('docs/operations.md', () => {
  it('says of every failure code what to do', () => {
    const text = read('docs/operations.md');
    expect(FAILURE_CODES.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('has every saved query as a link for the UI of npm start', () => {
    const text = read('docs/operations.md');
    const links = SAVED_QUERIES.map(
      ({ name, query }) =>
        `[${name}](${savedQueryUrl('http://127.0.0.1:8233/namespaces/default/workflows', query)})`,
    );
    expect(links.filter((link) => !text.includes(link))).toEqual([]);
  });

  it('names metrics that exist', () => {
    const sources = ['src', 'workflows']
      .flatMap(filesBelow)
      .filter((file) => file.endsWith('.ts'))
      .map(read)
      .join();
    const named = [...read('docs/operations.md').matchAll(/`(processor_link_[a-z_]+)`/g)].map(
      ([, name = '']) => name,
    );
    expect(named.length).toBeGreaterThan(0);
    // The SDK adds the suffix of its counters.
    const isThere = (name: string) =>
      [name, name.replace(/_total$/, '')].some((one) => sources.includes(`'${one}'`));
    expect(named.filter((name) => !isThere(name))).toEqual([]);
  });
});

describe('docs/http.md', () => {
  const text = read('docs/http.md');

  it('names every notification', () => {
    expect(NOTIFICATION_TYPES.filter((type) => !text.includes(`\`${type}\``))).toEqual([]);
  });

  it('names problem and failure codes that exist', () => {
    const named = [...text.matchAll(/(?:409|503) `([a-z_]+)`/g)].map(([, code]) => code);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((code) => !PROBLEM_CODES.some((known) => known === code))).toEqual([]);
  });
});

describe('.env.example', () => {
  const text = read('.env.example');
  /** As it is with every setting that is commented out put in force. */
  const whole = parseEnv(text.replace(/^# ([A-Z][A-Z0-9_]*=)/gm, '$1'));

  it('has every setting, and no other', () => {
    const documented = Object.keys(whole).filter((name) => !OTHERS_SETTINGS.includes(name));
    expect(documented.sort()).toEqual([...SETTINGS].sort());
  });

  it('shows values that are right', () => {
    const key = `k1:${randomBytes(32).toString('base64')}`;
    const filled = {
      ...whole,
      PLAID_CLIENT_ID: 'id',
      PLAID_SECRET: 'secret',
      ATOMIC_API_KEY: 'key',
      ATOMIC_API_SECRET: 'atomic-api-secret',
      API_KEYS: `backend:${'0123456789'.repeat(4)}`,
      CODEC_TOKEN: '0123456789abcdef',
      ENCRYPTION_KEYS: key,
      ATOMIC_WEBHOOK_SECRETS: 'new-webhook-secret,old-webhook-secret',
      PUBLIC_URL: 'https://links.example.com',
    };
    for (const readSettings of [apiSchema.read, workerSchema.read, codecSchema.read, localSchema.read]) {
      expect(() => readSettings(filled)).not.toThrow();
    }
  });

  it('shows defaults that are the defaults', () => {
    const required = {
      PLAID_CLIENT_ID: 'id',
      PLAID_SECRET: 'secret',
      ATOMIC_API_KEY: 'key',
      ATOMIC_API_SECRET: 'secret',
      API_KEYS: 'backend:0123456789',
    };
    /** Without a default: what is shown is an example. */
    const examples = [
      'ATOMIC_WEBHOOK_SECRETS',
      'PLAID_CLIENT_NAME',
      'PLAID_REDIRECT_URI',
      'PLAID_LINK_CUSTOMIZATION',
      'PLAID_PROCESSOR_PERMISSIONS',
      'CODEC_JWKS_URL',
      'CODEC_ISSUER',
      'CODEC_AUDIENCE',
      'TRUST_PROXY',
      'NOTIFY_URL',
      'NOTIFY_SECRET',
      'NODE_ENV',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'TEMPORAL_DEPLOYMENT_NAME',
      'TEMPORAL_WORKER_BUILD_ID',
      'WORKER_MAX_CACHED_WORKFLOWS',
    ];
    // These are said in full, or by their absence; the value they stand for is the same.
    const spelledOut = [
      'LOG_LEVEL',
      'ATOMIC_TOKEN_FIELD',
      'ATOMIC_USER_FIELD',
      'ATOMIC_DELETE_BY',
      'ATOMIC_RESULTS_BY',
      'ATOMIC_EMPLOYER_MATCHES_PATH',
      'ATOMIC_RECURRING_TRANSACTIONS_PATH',
      'TEMPORAL_ADDRESS',
      'TEMPORAL_NAMESPACE',
    ];
    const defaults = Object.fromEntries(
      Object.entries(whole).filter(([name]) => ![...examples, ...spelledOut].includes(name)),
    );
    for (const readSettings of [apiSchema.read, workerSchema.read, codecSchema.read]) {
      expect(readSettings({ ...defaults, ...required })).toEqual(readSettings(required));
    }
  });
});
