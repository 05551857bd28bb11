import {
  CLASSES,
  FAILURE_CLASSES,
  FAILURE_CODES,
  FAILURES,
  failureCodeOf,
  isPassing,
  PROBLEM_CODES,
  PROBLEMS,
} from '../../src/contract/failures';
import { ProviderError } from '../../src/providers/provider-error';
import { expectProblem } from './support/problem';
import { linkClientError } from './support/scripted-links';
import { authorized, closeApps, testApp } from './support/test-app';

afterEach(closeApps);

const post = (payload: object) => authorized({ method: 'POST', url: '/v1/link-tokens', payload });

test('no code but internal_error is a 500', () => {
  expect(PROBLEM_CODES.filter((code) => PROBLEMS[code].status === 500)).toEqual(['internal_error']);
});

test('what asks to be tried again says when', () => {
  const silent = PROBLEM_CODES.filter(
    (code) => [429, 503].includes(PROBLEMS[code].status) !== (PROBLEMS[code].retryAfterSeconds !== undefined),
  );
  expect(silent).toEqual([]);
});

test.each(PROBLEM_CODES)('an error of LinkClient with code %s has an HTTP answer', async (code) => {
  const { app, links } = testApp();
  links.failWith(() => linkClientError(code));
  const response = await app.inject(post({ userId: 'user-0001', mode: 'update' }));
  const { detail } = expectProblem(response, PROBLEMS[code].status, code);
  expect(detail).toBe(PROBLEMS[code].status < 500 ? `scripted ${code}` : PROBLEMS[code].message);
});

test.each(FAILURE_CLASSES)('a failure of class %s at a provider has an HTTP answer', async (failureClass) => {
  const { app } = testApp({
    createLinkToken: async () => {
      throw new ProviderError({
        provider: 'plaid',
        operation: 'POST /link/token/create',
        failureClass,
        code: 'SECRET_CODE',
        retryAfterMs: 2001,
        ambiguous: false,
      });
    },
  });
  const response = await app.inject(post({ userId: 'user-0001' }));
  const { code } = CLASSES[failureClass];
  expectProblem(response, FAILURES[code].status, code);
  if (isPassing(failureClass)) expect(response.headers['retry-after']).toBe('3');
  expect(response.body).not.toContain('SECRET_CODE');
});

test('every failure code says what can be done and is had from a class or from the link itself', () => {
  const ofClasses = FAILURE_CLASSES.map((failureClass) => failureCodeOf(failureClass, ''));
  const ofTheLink = ['account_required', 'account_not_found', 'result_timeout', 'unlinked', 'internal_error'];
  expect([...new Set([...ofClasses, ...ofTheLink])].sort()).toEqual([...FAILURE_CODES].sort());
});

test.each([
  ['bank_down', 'PLANNED_MAINTENANCE', 'provider_unavailable'],
  ['bank_down', 'INSTITUTION_DOWN', 'bank_unavailable'],
  ['user_relink', 'USER_PERMISSION_REVOKED', 'access_revoked'],
  ['user_relink', 'INVALID_PUBLIC_TOKEN', 'relink_required'],
  ['bank_down', 'constructor', 'bank_unavailable'],
] as const)('class %s with code %s is %s', (failureClass, providerCode, expected) => {
  expect(failureCodeOf(failureClass, providerCode)).toBe(expected);
});
