import { randomBytes } from 'node:crypto';
import type { Env } from '../../src/settings/environment';
import { apiSchema, callersSchema, codecSchema, localSchema, workerSchema } from '../../src/settings/schemas';
import { SettingsError } from '../../src/settings/settings-error';

const strong = (length: number) => randomBytes(length).toString('hex').slice(0, length);
const key = (bytes: Buffer = randomBytes(32)) => `k1:${bytes.toString('base64')}`;

/** Settings that production takes. */
const good = {
  NODE_ENV: 'production',
  ENCRYPTION_KEYS: key(),
  PLAID_CLIENT_ID: 'client',
  PLAID_SECRET: 'plaid-secret',
  ATOMIC_API_KEY: 'atomic-key',
  ATOMIC_API_SECRET: strong(16),
  API_KEYS: `backend:${strong(32)}`,
  CODEC_TOKEN: strong(16),
  PUBLIC_URL: 'https://links.example.com',
  NOTIFY_URL: 'https://backend.example.com/hook',
  NOTIFY_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
};
const processes = {
  api: apiSchema.read,
  worker: workerSchema.read,
  codec: codecSchema.read,
  local: localSchema.read,
};

function refused(read: (env: Env) => unknown, change: Env): string[] {
  try {
    read({ ...good, ...change });
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map(({ name }) => name).sort();
  }
}

describe('production', () => {
  it.each(Object.entries(processes))('starts with settings that are strong: %s', (_name, read) => {
    expect(refused(read, {})).toEqual([]);
  });

  it.each([
    [{ NODE_ENV: 'production' }],
    [{ NODE_ENV: undefined, PLAID_ENV: 'production', ATOMIC_ENV: 'production' }],
  ])('is said by %p', (environment) => {
    expect(refused(workerSchema.read, { ...environment, ENCRYPTION_KEYS: '' })).toEqual(['ENCRYPTION_KEYS']);
    expect(refused(codecSchema.read, { ...environment, CODEC_TOKEN: 'short-one' })).toEqual(['CODEC_TOKEN']);
  });

  it('is said by ATOMIC_ENV alone, also to the processes that do not call Atomic', () => {
    const environment = { NODE_ENV: undefined, ATOMIC_ENV: 'production' };
    expect(refused(codecSchema.read, { ...environment, ENCRYPTION_KEYS: '' })).toEqual(['ENCRYPTION_KEYS']);
  });

  it('says by which setting it is production', () => {
    expect(() => codecSchema.read({ PLAID_ENV: 'production' })).toThrow(
      'ENCRYPTION_KEYS is required with PLAID_ENV=production.',
    );
  });

  it.each(Object.entries(processes))('refuses %s without encryption keys', (_name, read) => {
    expect(refused(read, { ENCRYPTION_KEYS: undefined })).toEqual(['ENCRYPTION_KEYS']);
  });

  it.each([
    ['the same byte over and over', Buffer.alloc(32, 7)],
    ['a row of numbers', Buffer.from(Array.from({ length: 32 }, (_, index) => index))],
    ['text', Buffer.from('correct horse battery staple 123')],
    ['a short pattern', Buffer.from('deadbeef'.repeat(8), 'hex')],
  ])('refuses an encryption key that is %s', (_name, bytes) => {
    expect(refused(workerSchema.read, { ENCRYPTION_KEYS: key(bytes) })).toEqual(['ENCRYPTION_KEYS']);
  });

  it('refuses a weak encryption key behind a strong one', () => {
    const keys = `k2:${randomBytes(32).toString('base64')},${key(Buffer.alloc(32))}`;
    expect(refused(apiSchema.read, { ENCRYPTION_KEYS: keys })).toEqual(['ENCRYPTION_KEYS']);
  });

  it('takes every key that is made of random bytes', () => {
    for (let round = 0; round < 2_000; round++) {
      expect(refused(codecSchema.read, { ENCRYPTION_KEYS: key() })).toEqual([]);
    }
  });

  it('refuses API keys of fewer than 32 characters, also when they are read again', () => {
    const API_KEYS = `backend:${strong(32)},batch:${strong(31)}`;
    expect(refused(apiSchema.read, { API_KEYS })).toEqual(['API_KEYS']);
    expect(refused(callersSchema.read, { API_KEYS })).toEqual(['API_KEYS']);
  });

  it('refuses webhook secrets of fewer than 16 characters', () => {
    expect(refused(apiSchema.read, { ATOMIC_WEBHOOK_SECRETS: `${strong(16)},${strong(15)}` })).toEqual([
      'ATOMIC_WEBHOOK_SECRETS',
    ]);
    expect(refused(apiSchema.read, { ATOMIC_API_SECRET: strong(15) })).toEqual(['ATOMIC_API_SECRET']);
  });

  it('refuses codec tokens of fewer than 16 characters', () => {
    expect(refused(codecSchema.read, { CODEC_TOKEN: strong(15) })).toEqual(['CODEC_TOKEN']);
  });

  it.each([
    ['PLAID_ENV', 'ATOMIC_ENV'],
    ['ATOMIC_ENV', 'PLAID_ENV'],
  ])('refuses %s=production with the other in the Sandbox', (name, other) => {
    const said = { [name]: 'production', [other]: 'sandbox' };
    expect(refused(apiSchema.read, said)).toEqual(['PLAID_ENV']);
    expect(refused(workerSchema.read, said)).toEqual(['PLAID_ENV']);
    expect(refused(workerSchema.read, { [name]: 'production' })).toEqual(['PLAID_ENV']);
    expect(refused(localSchema.read, { [name]: 'production' })).toEqual(['PLAID_ENV']);
  });

  it('refuses an API whose ATOMIC_ENV alone is production', () => {
    expect(refused(apiSchema.read, { ATOMIC_ENV: 'production' })).toEqual(['PLAID_ENV']);
    expect(refused(apiSchema.read, { PLAID_ENV: 'production' })).toEqual([]);
  });

  it.each([
    ['a missing', undefined],
    ['a plain http', 'http://links.example.com'],
  ])('refuses %s PUBLIC_URL', (_name, PUBLIC_URL) => {
    expect(refused(apiSchema.read, { PUBLIC_URL })).toEqual(['PUBLIC_URL']);
  });

  it('refuses to notify over plain http', () => {
    expect(refused(workerSchema.read, { NOTIFY_URL: 'http://backend.example.com/hook' })).toEqual([
      'NOTIFY_URL',
    ]);
  });

  it('refuses the fixed API key of npm start', () => {
    expect(refused(localSchema.read, { API_KEYS: undefined })).toEqual(['API_KEYS']);
  });

  it('refuses the simulators of npm start', () => {
    expect(refused(localSchema.read, { ATOMIC_API_KEY: '', ATOMIC_API_SECRET: '' })).toEqual([
      'ATOMIC_API_KEY',
      'ATOMIC_API_SECRET',
    ]);
    expect(refused(localSchema.read, { PLAID_CLIENT_ID: '', PLAID_SECRET: '' })).toEqual([
      'PLAID_CLIENT_ID',
      'PLAID_SECRET',
    ]);
  });
});

describe('outside of production', () => {
  it('npm start refuses its fixed API key where other machines reach it', () => {
    expect(refused(localSchema.read, { NODE_ENV: '', API_KEYS: '', HOST: '0.0.0.0' })).toEqual(['API_KEYS']);
    expect(refused(localSchema.read, { NODE_ENV: '', API_KEYS: '', HOST: '::1' })).toEqual([]);
  });

  it.each(['yes', 'on', 'enabled'])(
    'TEMPORAL_TLS=%s is refused, and no key is sent in the clear',
    (value) => {
      const env = { NODE_ENV: '', TEMPORAL_TLS: value, TEMPORAL_API_KEY: 'temporal-key' };
      expect(refused(apiSchema.read, env)).toEqual(['TEMPORAL_TLS']);
    },
  );

  it('TRUST_PROXY=true is refused by its name', () => {
    expect(refused(apiSchema.read, { TRUST_PROXY: 'true' })).toEqual(['TRUST_PROXY']);
  });
});
