import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { parseEnvFile, withEnvFile } from '../../src/settings/env-file';
import {
  readApiSettings,
  readCallerSecrets,
  readCodecSettings,
  readLocalSettings,
  readWorkerSettings,
  SettingsError,
} from '../../src/settings/read-settings';
import { Secret } from '../../src/settings/secret';

const KEY = `k1:${randomBytes(32).toString('base64')}`;
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
    expect(wrong(() => readApiSettings({}))).toEqual([
      'API_KEYS',
      'ATOMIC_API_SECRET',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
    ]);
    expect(wrong(() => readWorkerSettings({}))).toEqual([
      'ATOMIC_API_KEY',
      'ATOMIC_API_SECRET',
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
    ]);
    expect(wrong(() => readCodecSettings({}))).toEqual([]);
    expect(wrong(() => readLocalSettings({}))).toEqual([]);
  });

  it('says for each problem what is wrong and gives an example of a right value', () => {
    const bad = { ...api, PORT: '70000', PUBLIC_URL: 'links', NODE_ENV: 'production', LOG_LEVEL: 'loud' };
    const problems = problemsOf(() => readApiSettings(bad));
    expect(problems.map(({ name }) => name).sort()).toEqual([
      'ENCRYPTION_KEYS',
      'LOG_LEVEL',
      'PORT',
      'PUBLIC_URL',
    ]);
    for (const { what, example } of problems) {
      expect(what).toMatch(/^(must|is) /);
      expect(example).toBeTruthy();
    }
    const message = new SettingsError(problems).message;
    expect(message).toContain('PORT must be a whole number from 0 to 65535.');
    expect(message).toContain('Example: PORT=3000');
  });

  it('refuses to start production without encryption keys, and takes no other key for one', () => {
    const production = { ...worker, NODE_ENV: 'production' };
    expect(wrong(() => readWorkerSettings(production))).toEqual(['ENCRYPTION_KEYS']);
    expect(wrong(() => readApiSettings({ ...api, NODE_ENV: 'production' }))).toEqual(['ENCRYPTION_KEYS']);
    expect(wrong(() => readCodecSettings({ NODE_ENV: 'production' }))).toEqual(['ENCRYPTION_KEYS']);
    expect(wrong(() => readWorkerSettings({ ...production, ENCRYPTION_KEYS: 'k1:c2hvcnQ=' }))).toEqual([
      'ENCRYPTION_KEYS',
    ]);
    expect(readWorkerSettings({ ...production, ENCRYPTION_KEYS: KEY }).temporal.keyRing?.primaryId).toBe(
      'k1',
    );
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
    const messages = [readApiSettings, readWorkerSettings, readCodecSettings, readLocalSettings].flatMap(
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
    expect(readApiSettings({ ...api, PORT: '', PUBLIC_URL: ' ', ENCRYPTION_KEYS: '' }).http).toEqual({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: undefined,
      trustProxy: [],
    });
    expect(wrong(() => readApiSettings({ ...api, API_KEYS: '' }))).toEqual(['API_KEYS']);
  });

  it('reads API keys with and without a name', () => {
    const { apiKeys } = readApiSettings(api);
    expect(apiKeys.map(({ name, key }) => [name, key.reveal()])).toEqual([
      [undefined, 'first-key-1'],
      ['backend', 'second-key-2'],
    ]);
  });

  it.each(['short', 'a:b', 'has space 1', 'good-key-1,', 'bad name:good-key-1'])(
    'refuses the API key %p',
    (keys) => {
      expect(wrong(() => readApiSettings({ ...api, API_KEYS: keys }))).toEqual(['API_KEYS']);
    },
  );

  it('checks webhooks of Atomic by the API secret unless it is told others', () => {
    const secrets = (env: object) =>
      readCallerSecrets({ ...api, ...env }).atomicWebhookSecrets.map((secret) => secret.reveal());
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
    expect(readWorkerSettings({ ...worker, RESULT_OVERDUE_AFTER: text }).work.link.resultOverdueAfterMs).toBe(
      expected,
    );
  });

  it.each(['15', '1.5h', '-1m', '0', '9999d', 'm'])('refuses the duration %p', (text) => {
    expect(wrong(() => readWorkerSettings({ ...worker, RESULT_OVERDUE_AFTER: text }))).toEqual([
      'RESULT_OVERDUE_AFTER',
    ]);
  });

  it('has the defaults of the documentation', () => {
    const { work, plaid, atomic, temporal } = readWorkerSettings(worker);
    expect(work.link).toEqual({
      resultOverdueAfterMs: 900_000,
      resultGiveUpAfterMs: 604_800_000,
      waitForHistoryMs: 0,
      removeItemOnUnlink: true,
      notify: false,
    });
    expect(work).toMatchObject({ port: 3001, notify: undefined, deployment: undefined });
    expect(plaid.baseUrl).toBe('https://sandbox.plaid.com');
    expect(atomic.baseUrl).toBe('https://sandbox-api.atomicfi.com');
    expect(temporal).toMatchObject({ namespace: 'default', taskQueue: 'processor-link', keyRing: undefined });
  });

  it('sends no credential over plain http to another machine', () => {
    const read = (url: string) => wrong(() => readWorkerSettings({ ...worker, PLAID_BASE_URL: url }));
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
    expect(wrong(() => readWorkerSettings({ ...worker, [name]: value }))).toEqual([missing]);
  });

  it('reads the parts of Atomic’s contract that can be set', () => {
    const { contract } = readWorkerSettings({
      ...worker,
      ATOMIC_TOKEN_FIELD: 'processor_token',
      ATOMIC_DELETE_BY: 'query',
      ATOMIC_EMPLOYER_MATCHES_PATH: '/user/{identifier}/employer-matches',
    }).atomic;
    expect(contract).toEqual({
      tokenField: 'processor_token',
      userField: undefined,
      deleteUserIn: 'query',
      resultPaths: {
        'employer-classification': '/user/{identifier}/employer-matches',
        'recurrence-detection': undefined,
      },
    });
    expect(wrong(() => readWorkerSettings({ ...worker, ATOMIC_EMPLOYER_MATCHES_PATH: '/all' }))).toEqual([
      'ATOMIC_EMPLOYER_MATCHES_PATH',
    ]);
  });

  it('keeps a codec server that asks for no token on this machine', () => {
    expect(readCodecSettings({ HOST: '0.0.0.0' }).codec.host).toBe('127.0.0.1');
    expect(readCodecSettings({ HOST: '0.0.0.0', CODEC_TOKEN: 'long-enough' }).codec.host).toBe('0.0.0.0');
    const jwt = {
      CODEC_JWKS_URL: 'https://login.example.com/jwks',
      CODEC_ISSUER: 'https://login.example.com/',
      CODEC_AUDIENCE: 'ui',
    };
    expect(readCodecSettings({ HOST: '0.0.0.0', ...jwt }).codec.host).toBe('0.0.0.0');
    expect(wrong(() => readCodecSettings({ CODEC_ISSUER: 'https://login.example.com/' }))).toEqual([
      'CODEC_AUDIENCE',
      'CODEC_JWKS_URL',
    ]);
  });

  it('simulates the providers until all credentials of a real one are there', () => {
    expect(readLocalSettings({})).toMatchObject({ plaid: undefined, atomic: undefined });
    expect(wrong(() => readLocalSettings({ PLAID_SECRET: 'x' }))).toEqual(['PLAID_CLIENT_ID']);
    expect(readLocalSettings(worker).atomic?.apiKey.reveal()).toBe('atomic-key');
    const atomicAlone = { ATOMIC_API_KEY: 'k', ATOMIC_API_SECRET: 's' };
    expect(wrong(() => readLocalSettings(atomicAlone))).toEqual(['PLAID_CLIENT_ID']);
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
    for (const settings of [readApiSettings(env), readWorkerSettings(env), readLocalSettings(env)]) {
      expect(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).not.toContain(CANARY);
    }
  });
});

describe('the file .env', () => {
  it('stands behind the environment', () => {
    const file = parseEnvFile(
      'A=1\nexport B = two words # comment\n#C=3\nD=\'x # y\'\nE=""\nnonsense\nF=a#b\r\n',
    );
    expect(file).toEqual({ A: '1', B: 'two words', D: 'x # y', E: '', F: 'a#b' });
    expect(withEnvFile({ A: '9', B: '', X: undefined }, file)).toMatchObject({
      A: '9',
      B: 'two words',
      F: 'a#b',
    });
  });
});
