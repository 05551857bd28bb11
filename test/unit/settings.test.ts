import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { readEnvFile, withFallback } from '../../src/process/environment';
import { apiSchema, callersSchema, codecSchema, localSchema, workerSchema } from '../../src/settings/schemas';
import { SettingsError } from '../../src/settings/settings-error';
import { Secret } from '../../src/system/secret';

const CANARY = 'canary-1f8e0c';

const api = {
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'plaid-secret',
  ATOMIC_API_SECRET: 'atomic-secret',
  API_KEYS: 'first-key-1,backend:second-key-2',
};
const worker = {
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'plaid-secret',
  ATOMIC_API_KEY: 'atomic-key',
  ATOMIC_API_SECRET: 'atomic-secret',
};

/** Names of the variables that are complained of. */
function wrong(read: () => unknown): string[] {
  return problemsOf(read)
    .map(({ name }) => name)
    .sort();
}

function problemsOf(read: () => unknown): SettingsError['problems'] {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('settings', () => {
  it('names every missing setting of a process at once', () => {
    expect(wrong(() => apiSchema.read({}))).toEqual([
      'API_KEYS',
      'ATOMIC_API_SECRET',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
    ]);
    expect(wrong(() => workerSchema.read({}))).toEqual([
      'ATOMIC_API_KEY',
      'ATOMIC_API_SECRET',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
    ]);
    expect(wrong(() => codecSchema.read({}))).toEqual([]);
    expect(wrong(() => localSchema.read({}))).toEqual([]);
  });

  it('says for each problem what is wrong and gives an example of a right value', () => {
    const bad = { ...api, API_KEYS: 'x', PORT: '70000', PUBLIC_URL: 'links', LOG_LEVEL: 'loud' };
    const problems = problemsOf(() => apiSchema.read(bad));
    expect(problems.map(({ name }) => name).sort()).toEqual(['API_KEYS', 'LOG_LEVEL', 'PORT', 'PUBLIC_URL']);
    for (const { what, example } of problems) {
      expect(what).toMatch(/^(must|is|has a wrong entry) /);
      expect(example).toBeTruthy();
    }
    const message = new SettingsError(problems).message;
    expect(message).toContain('PORT must be a whole number from 0 to 65535.');
    expect(message).toContain('Example: PORT=3000');
  });

  it('has an example of every variable', () => {
    for (const { names, read } of [apiSchema, workerSchema, codecSchema, localSchema]) {
      const quoted = Object.fromEntries(names.map((name) => [name, '"x"']));
      const without = problemsOf(() => read(quoted)).filter(({ example }) => !example);
      expect(without.map(({ name }) => name)).toEqual(['NODE_ENV']);
    }
  });

  it.each([
    ['API_KEYS', `${CANARY} with spaces`],
    ['PLAID_SECRET', `${CANARY}\n2`],
    ['ATOMIC_API_SECRET', `${CANARY} x`],
    ['ATOMIC_WEBHOOK_SECRETS', `${CANARY},,`],
    ['ENCRYPTION_KEYS', `k1:${CANARY}`],
    ['NOTIFY_SECRET', `whsec_${CANARY}`],
    ['NOTIFY_URL', `https://user:${CANARY}@example.com/`],
    ['CODEC_TOKEN', `${CANARY} x`],
    ['PLAID_BASE_URL', `ftp://${CANARY}/`],
    ['TEMPORAL_ADDRESS', `http://${CANARY}/`],
    ['RESULT_OVERDUE_AFTER', CANARY],
    ['TEMPORAL_CONFIG_FILE', __filename],
  ])('never repeats what was given as %s', (name, value) => {
    const env = { ...api, ...worker, [name]: value };
    const messages = [apiSchema.read, workerSchema.read, codecSchema.read, localSchema.read].flatMap(
      (read) => {
        try {
          read(env);
          return [];
        } catch (error) {
          return [`${error}${inspect(error, { depth: 9 })}${JSON.stringify(error)}`];
        }
      },
    );
    expect(messages.length).toBeGreaterThan(0);
    for (const message of messages) expect(message).not.toContain(CANARY);
  });

  it('treats an empty variable as one that is not set', () => {
    expect(apiSchema.read({ ...api, PORT: '', PUBLIC_URL: ' ', ENCRYPTION_KEYS: '' }).http).toEqual({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: undefined,
      trustProxy: undefined,
      drainDelayMs: 5_000,
    });
    expect(wrong(() => apiSchema.read({ ...api, API_KEYS: '' }))).toEqual(['API_KEYS']);
  });

  it('reads API keys with and without a name', () => {
    const { apiKeys } = apiSchema.read(api);
    expect(apiKeys.map(({ name, key }) => [name, key.reveal()])).toEqual([
      [undefined, 'first-key-1'],
      ['backend', 'second-key-2'],
    ]);
  });

  it('gives an API key every scope unless it names some', () => {
    const { apiKeys } = apiSchema.read({
      ...api,
      API_KEYS: 'all:first-key-1,some:second-key-2:results+read',
    });
    expect(apiKeys.map(({ scopes }) => scopes)).toEqual([
      ['link', 'read', 'results', 'erase'],
      ['read', 'results'],
    ]);
  });

  it.each([
    'short',
    'a:b',
    'has space 1',
    'good-key-1,',
    'bad name:good-key-1',
    'a:good-key-1:write',
    'a:good-key-1:',
    'a:good-key-1:read+read',
  ])('refuses the API key %p', (keys) => {
    expect(wrong(() => apiSchema.read({ ...api, API_KEYS: keys }))).toEqual(['API_KEYS']);
  });

  it('checks webhooks of Atomic by the API secret unless it is told others', () => {
    const secrets = (env: object) =>
      callersSchema.read({ ...api, ...env }).atomicWebhookSecrets.map((secret) => secret.reveal());
    expect(secrets({})).toEqual(['atomic-secret']);
    expect(secrets({ ATOMIC_WEBHOOK_SECRETS: 'new, old' })).toEqual(['new', 'old']);
    expect(secrets({ ATOMIC_WEBHOOK_SECRETS: 'new', ATOMIC_API_SECRET: undefined })).toEqual(['new']);
  });

  it.each([
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('reads the duration %s', (text, expected) => {
    expect(workerSchema.read({ ...worker, RESULT_OVERDUE_AFTER: text }).work.link.resultOverdueAfterMs).toBe(
      expected,
    );
  });

  it.each(['15', '1.5h', '-1m', '0', '9999d', 'm'])('refuses the duration %p', (text) => {
    expect(wrong(() => workerSchema.read({ ...worker, RESULT_OVERDUE_AFTER: text }))).toEqual([
      'RESULT_OVERDUE_AFTER',
    ]);
  });

  it('has the defaults of the documentation', () => {
    const { work, plaid, atomic, temporal } = workerSchema.read(worker);
    expect(work.link).toEqual({
      resultOverdueAfterMs: 900_000,
      resultGiveUpAfterMs: 604_800_000,
      waitForHistoryMs: 0,
      configurationWaitMs: 72 * 3_600_000,
      attentionGiveUpAfterMs: 90 * 86_400_000,
      runMaxAgeMs: 30 * 86_400_000,
      removeItemOnUnlink: true,
      notify: false,
    });
    expect(work).toMatchObject({ port: 3001, notify: undefined, deployment: undefined });
    expect(plaid.baseUrl).toBe('https://sandbox.plaid.com');
    expect(atomic.baseUrl).toBe('https://sandbox-api.atomicfi.com');
    expect(temporal).toMatchObject({ namespace: 'default', taskQueue: 'processor-link', keyRing: undefined });
  });

  it('sends no credential over plain http to another machine', () => {
    const read = (url: string) => wrong(() => workerSchema.read({ ...worker, PLAID_BASE_URL: url }));
    expect(read('http://plaid.example.com')).toEqual(['PLAID_BASE_URL']);
    expect(read('http://127.0.0.1.example.com')).toEqual(['PLAID_BASE_URL']);
    expect(read('http://127.0.0.1:4000/')).toEqual([]);
    expect(read('http://[::1]:4000')).toEqual([]);
    expect(read('https://plaid.example.com/proxy')).toEqual([]);
  });

  it.each([
    ['NOTIFY_URL', 'https://backend.example.com/', 'NOTIFY_SECRET'],
    ['NOTIFY_SECRET', `whsec_${randomBytes(24).toString('base64')}`, 'NOTIFY_URL'],
    ['TEMPORAL_DEPLOYMENT_NAME', 'links', 'TEMPORAL_WORKER_BUILD_ID'],
    ['TEMPORAL_WORKER_BUILD_ID', '1', 'TEMPORAL_DEPLOYMENT_NAME'],
  ])('takes %s only together with its other half', (name, value, missing) => {
    expect(wrong(() => workerSchema.read({ ...worker, [name]: value }))).toEqual([missing]);
  });

  it('reads the parts of Atomic’s contract that can be set', () => {
    const { contract } = workerSchema.read({
      ...worker,
      ATOMIC_TOKEN_FIELD: 'processor_token',
      ATOMIC_DELETE_BY: 'query',
      ATOMIC_EMPLOYER_MATCHES_PATH: '/user/{identifier}/employer-matches',
    }).atomic;
    expect(contract).toEqual({
      tokenField: 'processor_token',
      userField: undefined,
      deleteUserIn: 'query',
      resultsUserIn: undefined,
      resultPaths: {
        'employer-classification': '/user/{identifier}/employer-matches',
        'recurrence-detection': undefined,
      },
    });
    expect(wrong(() => workerSchema.read({ ...worker, ATOMIC_EMPLOYER_MATCHES_PATH: '/all' }))).toEqual([
      'ATOMIC_EMPLOYER_MATCHES_PATH',
    ]);
  });

  it('keeps a codec server that asks for no token on this machine', () => {
    expect(codecSchema.read({ HOST: '0.0.0.0' }).codec.host).toBe('127.0.0.1');
    expect(codecSchema.read({ HOST: '0.0.0.0', CODEC_TOKEN: 'long-enough' }).codec.host).toBe('0.0.0.0');
    const jwt = {
      CODEC_JWKS_URL: 'https://login.example.com/jwks',
      CODEC_ISSUER: 'https://login.example.com/',
      CODEC_AUDIENCE: 'ui',
    };
    expect(codecSchema.read({ HOST: '0.0.0.0', ...jwt }).codec.host).toBe('0.0.0.0');
    expect(wrong(() => codecSchema.read({ CODEC_ISSUER: 'https://login.example.com/' }))).toEqual([
      'CODEC_AUDIENCE',
      'CODEC_JWKS_URL',
    ]);
  });

  it('simulates the providers until all credentials of a real one are there', () => {
    expect(localSchema.read({})).toMatchObject({ plaid: undefined, atomic: undefined });
    expect(wrong(() => localSchema.read({ PLAID_SECRET: 'x' }))).toEqual(['PLAID_CLIENT_ID']);
    expect(localSchema.read(worker).atomic?.apiKey.reveal()).toBe('atomic-key');
    const atomicAlone = { ATOMIC_API_KEY: 'k', ATOMIC_API_SECRET: 's' };
    expect(wrong(() => localSchema.read(atomicAlone))).toEqual(['PLAID_CLIENT_ID']);
  });

  it('checks how a provider is used also where it is simulated', () => {
    const use = { PLAID_BASE_URL: 'plaid', ATOMIC_DELETE_BY: 'post', PLAID_DAYS_REQUESTED: '0' };
    expect(wrong(() => localSchema.read(use))).toEqual(Object.keys(use).sort());
    const withSecret = { ...use, PLAID_SECRET: 'x' };
    expect(
      problemsOf(() => localSchema.read(withSecret)).map(({ name, what }) => `${name} ${what}`),
    ).toContain('PLAID_CLIENT_ID is required with PLAID_SECRET');
  });
});

describe('a secret', () => {
  it('shows itself to no one who does not ask', () => {
    const secret = new Secret(CANARY);
    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true }),
    ];
    for (const text of shown) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain(CANARY);
    }
    expect(secret.reveal()).toBe(CANARY);
  });

  it('stays hidden in the settings of every process', () => {
    const env = { ...api, ...worker, PLAID_SECRET: CANARY, API_KEYS: CANARY, ATOMIC_API_SECRET: CANARY };
    for (const settings of [apiSchema.read(env), workerSchema.read(env), localSchema.read(env)]) {
      expect(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).not.toContain(CANARY);
    }
  });
});

describe('a secret in a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'settings-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function fileOf(text: string): Promise<string> {
    const file = path.join(folder, randomBytes(4).toString('hex'));
    await writeFile(file, text);
    return file;
  }

  it('is read without the newline at its end', async () => {
    const { PLAID_SECRET: _, ...others } = api;
    const settings = apiSchema.read({ ...others, PLAID_SECRET_FILE: await fileOf('from-a-file\n') });
    expect(settings.plaid.secret.reveal()).toBe('from-a-file');
  });

  it('can be every secret of every process, and no other setting', async () => {
    const file = await fileOf('x y');
    const secrets = [apiSchema, workerSchema, codecSchema].flatMap(({ names, read }) =>
      names.filter((name) =>
        problemsOf(() => read({ ...api, ...worker, [name]: undefined, [`${name}_FILE`]: file })).some(
          (problem) => problem.name === name,
        ),
      ),
    );
    expect([...new Set(secrets)].sort()).toEqual([
      'API_KEYS',
      'ATOMIC_API_KEY',
      'ATOMIC_API_SECRET',
      'ATOMIC_WEBHOOK_SECRETS',
      'CODEC_TOKEN',
      'ENCRYPTION_KEYS',
      'NOTIFY_SECRET',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
      'SEALING_KEYS',
    ]);
    const place = apiSchema.read({ ...api, TEMPORAL_API_KEY_FILE: await fileOf('temporal-key\n') }).temporal;
    expect(place.connectConfig.connectionOptions.apiKey).toBe('temporal-key');
  });

  it('is refused beside the variable itself, and where the file is not there or empty', async () => {
    const file = await fileOf(CANARY);
    for (const [env, what] of [
      [{ PLAID_SECRET_FILE: file }, 'and PLAID_SECRET_FILE are both set'],
      [{ PLAID_SECRET: '', PLAID_SECRET_FILE: `${file}-gone` }, 'cannot be read from PLAID_SECRET_FILE'],
      [{ PLAID_SECRET: '', PLAID_SECRET_FILE: await fileOf('\n') }, 'cannot be read from PLAID_SECRET_FILE'],
    ] as const) {
      const problems = problemsOf(() => apiSchema.read({ ...api, ...env }));
      expect(problems).toMatchObject([{ name: 'PLAID_SECRET', what: expect.stringContaining(what) }]);
      expect(JSON.stringify(problems)).not.toContain(CANARY);
    }
  });
});

describe('Temporal', () => {
  const tlsOf = (env: object) =>
    apiSchema.read({ ...api, ...env }).temporal.connectConfig.connectionOptions.tls;

  it.each(['TRUE', 'True', 'true', '1'])('is spoken to over TLS with TEMPORAL_TLS=%s', (value) => {
    expect(tlsOf({ TEMPORAL_TLS: value, TEMPORAL_API_KEY: 'key' })).toBeTruthy();
  });

  it.each(['FALSE', '0'])('is spoken to without TLS with TEMPORAL_TLS=%s', (value) => {
    expect(tlsOf({ TEMPORAL_TLS: value })).toBeFalsy();
  });
});

describe('a value', () => {
  it.each(['"8-characters"', "'8-characters'"])('is refused in quotes: %s', (value) => {
    expect(wrong(() => apiSchema.read({ ...api, PLAID_SECRET: value }))).toEqual(['PLAID_SECRET']);
    expect(wrong(() => apiSchema.read({ ...api, TEMPORAL_ADDRESS: value }))).toEqual(['TEMPORAL_ADDRESS']);
  });
});

describe('the proxies that are trusted', () => {
  it.each(['true', '1', 'proxy.example.com', '10.0.0.0/33', '10.0.0'])('are not %s', (value) => {
    const problems = problemsOf(() => apiSchema.read({ ...api, TRUST_PROXY: value }));
    expect(problems.map(({ name }) => name)).toEqual(['TRUST_PROXY']);
  });

  it.each(['10.1.2.3', '10.0.0.0/8,::1', 'loopback'])('can be %s', (value) => {
    expect(apiSchema.read({ ...api, TRUST_PROXY: value }).http.trustProxy).toEqual(value.split(','));
  });
});

describe('what Plaid Link shows and asks for', () => {
  it('is English, for the United States, with half a year of history, unless it is set', () => {
    const { plaid } = apiSchema.read(api);
    expect(plaid.link).toEqual({
      clientName: undefined,
      redirectUri: undefined,
      countryCodes: ['US'],
      language: 'en',
      daysRequested: 180,
      customization: undefined,
    });
    expect(plaid.processorPermissions).toBeUndefined();
  });

  it.each([
    ['PLAID_COUNTRY_CODES', 'us'],
    ['PLAID_LANGUAGE', 'english'],
    ['PLAID_DAYS_REQUESTED', '731'],
    ['PLAID_CLIENT_NAME', 'x'.repeat(31)],
    ['PLAID_REDIRECT_URI', 'app.example.com'],
    ['PLAID_PROCESSOR_PERMISSIONS', 'auth'],
  ])('is not taken from a wrong %s', (name, value) => {
    expect(wrong(() => apiSchema.read({ ...api, [name]: value }))).toEqual([name]);
  });
});

describe('the file .env', () => {
  it('stands behind the environment, also with values of several lines', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'settings-'));
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(readEnvFile()).toEqual({});
      await writeFile('.env', 'A=1\nexport B = two words # comment\n#C=3\nD=\'x # y\'\nE=""\nF="a\nb"\n');
      const file = readEnvFile();
      expect(file).toEqual({ A: '1', B: 'two words', D: 'x # y', E: '', F: 'a\nb' });
      expect(withFallback({ A: '9', B: '', X: undefined }, file)).toMatchObject({ A: '9', B: 'two words' });
      await rm('.env');
      await mkdir('.env');
      expect(problemsOf(readEnvFile)).toEqual([
        { name: '.env', what: expect.stringMatching(/^cannot be read \(EISDIR\): make it a file/) },
      ]);
    } finally {
      process.chdir(before);
      await rm(folder, { recursive: true });
    }
  });
});
