import { jobStatusIn } from '../../src/contract/atomic';
import { parseDurationMs } from '../../src/contract/durations';
import {
  CLASSES,
  FAILURE_CLASSES,
  FAILURES,
  failureCodeOf,
  isFailureClass,
  isFailureCode,
  isPassing,
  isProblemCode,
  linkError,
  PROBLEMS,
  titleOf,
} from '../../src/contract/failures';
import { isJob, JOBS, jobOfEventType } from '../../src/contract/jobs';
import { erasedUserOf, eraseIdOf, userIdOf, workflowIdOf } from '../../src/contract/names';
import {
  accessTokenSchema,
  accountIdSchema,
  publicTokenSchema,
  runIdSchema,
  startLinkSchema,
  userIdSchema,
} from '../../src/contract/schemas';
import { isApiScope } from '../../src/contract/scopes';
import { isFinal, isSettled, JOB_STATES, LINK_STATES } from '../../src/contract/states';

const INHERITED = ['constructor', 'toString', '__proto__', 'hasOwnProperty'];

describe('a duration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['1s', 1_000],
    ['90m', 5_400_000],
    ['999999h', 3_599_996_400_000],
    ['2d', 172_800_000],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it.each(['', '1', '00', 's', '1w', '1ms', ' 1s', '1s ', '-1s', '1.5h', '1000000s', '1S', '1s1m'])(
    '%p is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );
});

describe('an id of a workflow', () => {
  it('is made of its user, and tells the user', () => {
    expect(workflowIdOf('user-1')).toBe('processor-link/user-1');
    expect(eraseIdOf('user-1')).toBe('erase/user-1');
    expect(userIdOf(workflowIdOf('user-1'))).toBe('user-1');
    expect(erasedUserOf(eraseIdOf('user-1'))).toBe('user-1');
  });

  it('of another kind tells nobody', () => {
    for (const id of [eraseIdOf('user-1'), 'user-1', 'x/processor-link/user-1']) {
      expect(userIdOf(id)).toBeUndefined();
    }
    for (const id of [workflowIdOf('user-1'), 'user-1', 'x/erase/user-1']) {
      expect(erasedUserOf(id)).toBeUndefined();
    }
  });
});

describe('membership of a closed list', () => {
  it.each<[name: string, isMember: (value: string) => boolean, members: readonly string[]]>([
    ['failure codes', isFailureCode, ['unlinked', 'internal_error']],
    ['failure classes', isFailureClass, ['transient', 'too_large']],
    ['problem codes', isProblemCode, ['unlinked', 'link_not_found']],
    ['jobs', isJob, JOBS],
    ['scopes', isApiScope, ['link', 'read', 'results', 'erase']],
  ])('of %s holds for each, and for nothing that every object has', (_name, isMember, members) => {
    expect(members.filter((member) => !isMember(member))).toEqual([]);
    expect([...INHERITED, '', 'other'].filter(isMember)).toEqual([]);
  });

  it.each([
    ['a failure code', isFailureCode],
    ['a failure class', isFailureClass],
    ['a problem code', isProblemCode],
  ])('no value but a string is %s', (_name, isMember) => {
    for (const value of [undefined, null, 1, ['unlinked'], { toString: () => 'unlinked' }, ['transient']]) {
      expect(isMember(value)).toBe(false);
    }
  });
});

describe('states', () => {
  it('two of a link are final', () => {
    expect(LINK_STATES.filter(isFinal)).toEqual(['unlinked', 'failed']);
  });

  it('two of a job are settled', () => {
    expect(JOB_STATES.filter(isSettled)).toEqual(['completed', 'failed']);
  });
});

describe('an event of Atomic', () => {
  it('is of the job that it is documented for', () => {
    expect(jobOfEventType('employer-classification-completed')).toBe('employer-classification');
    expect(jobOfEventType('recurring-transaction-detection-completed')).toBe('recurrence-detection');
    expect(jobOfEventType('recurrence-detection-completed')).toBeUndefined();
  });

  it('is of the job whose names hold it, where they are set', () => {
    const events = { 'employer-classification': ['a', 'b'], 'recurrence-detection': ['c'] };
    expect(
      ['a', 'b', 'c', 'employer-classification-completed'].map((type) => jobOfEventType(type, events)),
    ).toEqual(['employer-classification', 'employer-classification', 'recurrence-detection', undefined]);
  });
});

describe("an object's own word on a job", () => {
  it.each([
    'pending',
    'Processing',
    'RUNNING',
    'queued',
    'started',
    'in_progress',
    'In-Progress',
    'in progress',
  ])('%s: it runs', (status) => {
    expect(jobStatusIn({ status })).toBe('running');
  });

  it.each(['failed', 'Failure', 'ERROR', 'errored'])('%s: it failed', (status) => {
    expect(jobStatusIn({ status })).toBe('failed');
  });

  it.each([
    undefined,
    null,
    'failed',
    ['failed'],
    {},
    { status: 1 },
    { status: 'completed' },
    { status: '' },
  ])('nothing is said by %p', (value) => {
    expect(jobStatusIn(value)).toBeUndefined();
  });
});

describe('a failure of a provider', () => {
  it('that passes is one of three classes', () => {
    expect(FAILURE_CLASSES.filter(isPassing)).toEqual(['transient', 'rate_limited', 'bank_down']);
  });

  it('has the code of its class, with two exceptions by the code of the provider', () => {
    for (const failureClass of FAILURE_CLASSES) {
      for (const providerCode of ['ANY', ...INHERITED]) {
        expect(failureCodeOf(failureClass, providerCode)).toBe(CLASSES[failureClass].code);
      }
    }
    expect(failureCodeOf('bank_down', 'PLANNED_MAINTENANCE')).toBe('provider_unavailable');
    expect(failureCodeOf('user_relink', 'USER_PERMISSION_REVOKED')).toBe('access_revoked');
    expect(failureCodeOf('transient', 'USER_PERMISSION_REVOKED')).toBe('provider_unavailable');
  });
});

describe('an error that callers see', () => {
  it('has the standing words of its code, or others, and what can be done', () => {
    const { message, action } = FAILURES.unlinked;
    expect(linkError('unlinked')).toEqual({ code: 'unlinked', message, action });
    expect(linkError('unlinked', 'Other words.')).toEqual({
      code: 'unlinked',
      message: 'Other words.',
      action,
    });
  });

  it('has a title in words', () => {
    expect(titleOf('still_needs_attention')).toBe('Still needs attention');
  });

  it('is in sentences', () => {
    for (const { message } of Object.values(PROBLEMS)) expect(message).toMatch(/^[A-Z].+[.>]$/);
  });
});

describe('shapes', () => {
  it.each([
    [
      'a user id',
      userIdSchema,
      ['a', '0', 'a.b_c:d-e', 'A'.repeat(128)],
      ['', '-a', 'a b', 'a/b', 'A'.repeat(129), 'ü'],
    ],
    [
      'a run id',
      runIdSchema,
      ['01234567-89ab-cdef-0123-456789abcdef'],
      [
        '',
        'x01234567-89ab-cdef-0123-456789abcdef',
        '01234567-89ab-cdef-0123-456789abcdefx',
        '01234567-89ab-cdef-0123',
      ],
    ],
    [
      'a public token',
      publicTokenSchema,
      ['public-sandbox-a', 'public-production-a-1'],
      [
        '',
        'public-development-a',
        'xpublic-sandbox-a',
        'public-sandbox-',
        'public-sandbox-a!',
        `public-sandbox-${'a'.repeat(201)}`,
      ],
    ],
    [
      'an access token',
      accessTokenSchema,
      ['access-sandbox-a', `access-production-${'a'.repeat(200)}`],
      ['', 'access-development-a', 'xaccess-sandbox-a', 'access-sandbox-', 'access-sandbox-a!'],
    ],
    ['an account id', accountIdSchema, ['a', '_-', 'a'.repeat(100)], ['', 'a b', 'a'.repeat(101), 'a!']],
  ] as const)('of %s', (_what, schema, right, wrong) => {
    expect(right.filter((text) => !schema.safeParse(text).success)).toEqual([]);
    expect(wrong.filter((text) => schema.safeParse(text).success)).toEqual([]);
  });

  it('of a start has one token, and each job once', () => {
    const problem = (more: object) => {
      const { error } = startLinkSchema.safeParse({ userId: 'user-1', jobs: [JOBS[0]], ...more });
      return error?.issues.map(({ path, message }) => [path.join('.'), message]) ?? [];
    };
    const publicToken = 'public-sandbox-1';
    const accessToken = 'access-sandbox-1';
    expect(problem({ publicToken })).toEqual([]);
    expect(problem({ accessToken, accountId: 'account-1', jobs: [...JOBS] })).toEqual([]);
    const oneOf = ['publicToken', 'exactly one of publicToken and accessToken is required'];
    expect(problem({})).toEqual([oneOf]);
    expect(problem({ publicToken, accessToken })).toEqual([oneOf]);
    expect(problem({ publicToken, jobs: [JOBS[0], JOBS[0]] })).toEqual([
      ['jobs', 'must not name a job twice'],
    ]);
    expect(problem({ publicToken, jobs: [] })).toMatchObject([['jobs', expect.any(String)]]);
    expect(problem({ publicToken, other: 1 })).toMatchObject([['', expect.any(String)]]);
  });
});
