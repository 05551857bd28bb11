/** What can be wrong between settings, beside each of them alone. */

import { keyRing } from './rules';
import { type Env, type Problem, setVariables } from './variable';

/** Right values, for settings that others make necessary. */
const EXAMPLES: Readonly<Record<string, string>> = {
  NOTIFY_URL: 'https://backend.example.com/webhooks/links',
  NOTIFY_SECRET: 'whsec_cHJvY2Vzc29yLWxpbmstZXhhbXBsZQ==',
  TEMPORAL_DEPLOYMENT_NAME: 'processor-link',
  TEMPORAL_WORKER_BUILD_ID: '2025-03-01.1',
  CODEC_JWKS_URL: 'https://login.example.com/.well-known/jwks.json',
  CODEC_ISSUER: 'https://login.example.com/',
  CODEC_AUDIENCE: 'temporal-ui',
  PLAID_CLIENT_ID: '5f0c6a2b9d1e4a7c8b3d2e1f',
  PLAID_SECRET: '0123456789abcdef01234567890abc',
  ATOMIC_API_KEY: '6d2c8f8e-1f0a-4b6e-9c55-1f2f8a0c7b11',
  ATOMIC_API_SECRET: 'c0a8b1d2-3e4f-4a5b-8c6d-7e8f9a0b1c2d',
};

/** Production never makes up a key. */
export function productionProblems(env: Env): Problem[] {
  const { NODE_ENV, ENCRYPTION_KEYS } = setVariables(env);
  if (NODE_ENV !== 'production' || ENCRYPTION_KEYS !== undefined) return [];
  const what = 'is required with NODE_ENV=production';
  return [{ name: 'ENCRYPTION_KEYS', what, example: keyRing.example }];
}

export function callerSecretProblems(env: Env): Problem[] {
  const set = setVariables(env);
  if (set.ATOMIC_API_SECRET !== undefined || set.ATOMIC_WEBHOOK_SECRETS !== undefined) return [];
  return [
    {
      name: 'ATOMIC_API_SECRET',
      what: 'is required, unless ATOMIC_WEBHOOK_SECRETS is set',
      ...exampleOf('ATOMIC_API_SECRET'),
    },
  ];
}

export function workProblems(env: Env): Problem[] {
  return [
    ...together(env, ['NOTIFY_URL', 'NOTIFY_SECRET']),
    ...together(env, ['TEMPORAL_DEPLOYMENT_NAME', 'TEMPORAL_WORKER_BUILD_ID']),
  ];
}

export function codecProblems(env: Env): Problem[] {
  return together(env, ['CODEC_JWKS_URL', 'CODEC_ISSUER', 'CODEC_AUDIENCE']);
}

/** Real providers take real credentials, all of them; Atomic cannot use the tokens of a simulated Plaid. */
export function localProblems(env: Env): Problem[] {
  const set = setVariables(env);
  const what = 'is required with ATOMIC_API_KEY: Atomic cannot use simulated tokens';
  return [
    ...workProblems(env),
    ...codecProblems(env),
    ...together(env, ['PLAID_CLIENT_ID', 'PLAID_SECRET']),
    ...together(env, ['ATOMIC_API_KEY', 'ATOMIC_API_SECRET']),
    ...(set.ATOMIC_API_KEY !== undefined && set.PLAID_CLIENT_ID === undefined
      ? [{ name: 'PLAID_CLIENT_ID', what, ...exampleOf('PLAID_CLIENT_ID') }]
      : []),
  ];
}

/** Variables that make sense only together. */
function together(env: Env, names: readonly string[]): Problem[] {
  const set = setVariables(env);
  const missing = names.filter((name) => set[name] === undefined);
  if (missing.length === 0 || missing.length === names.length) return [];
  const given = names.filter((name) => !missing.includes(name)).join(' and ');
  return missing.map((name) => ({ name, what: `is required with ${given}`, ...exampleOf(name) }));
}

function exampleOf(name: string): { example?: string } {
  const example = EXAMPLES[name];
  return example === undefined ? {} : { example };
}
