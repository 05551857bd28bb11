import { type LinkError, linkError, PROBLEMS, type ProblemCode } from '../../contract/failures';
import { EVENT_TYPE_OF_JOB } from '../../contract/jobs';
import type { NotificationEvent } from '../../contract/notifications';
import type { LinkSummary, LinkView } from '../../contract/schemas';
import { HttpProblem, type Problem } from '../server/problems';

/** Examples of the OpenAPI document. A test checks each against the schema that requests and answers are checked by. */
export type NamedExamples = Readonly<Record<string, unknown>>;

interface OperationExamples {
  request?: NamedExamples;
  /** By status. */
  answers?: Readonly<Record<string, NamedExamples>>;
}

const USER_ID = 'alice';
const ACCOUNT_ID = 'BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv99vp';
const RUN_ID = '019a2f6c-7d3e-7c41-9b52-3f0a8de1c7b4';
const JOB = 'employer-classification';
const CREATED_AT = '2026-01-01T00:00:00.000Z';
const SETTLED_AT = '2026-01-01T00:00:05.000Z';

export const PARAMETER_EXAMPLES: NamedExamples = { userId: USER_ID, job: JOB };

const IDENTITY = {
  userId: USER_ID,
  workflowId: `processor-link/${USER_ID}`,
  runId: RUN_ID,
  createdAt: CREATED_AT,
  updatedAt: SETTLED_AT,
};
const ITEM = { itemId: 'eVBnVMp7zdTJLkRNr33Rs6zr7KNJqBFL9DrE6', accountId: ACCOUNT_ID };

const STARTED: LinkView = {
  ...IDENTITY,
  state: 'exchanging',
  jobs: { [JOB]: { state: 'pending' }, 'recurrence-detection': { state: 'pending' } },
  updatedAt: CREATED_AT,
};
const WAITING: LinkView = {
  ...IDENTITY,
  ...ITEM,
  state: 'waiting',
  jobs: { [JOB]: { state: 'registered', registeredAt: CREATED_AT } },
};
const LINKED: LinkView = {
  ...IDENTITY,
  ...ITEM,
  state: 'linked',
  jobs: {
    [JOB]: { state: 'completed', registeredAt: CREATED_AT, completedAt: SETTLED_AT, via: 'webhook' },
  },
};
const ACCOUNT_REQUIRED: LinkView = {
  ...IDENTITY,
  itemId: ITEM.itemId,
  state: 'needs_attention',
  jobs: { [JOB]: { state: 'pending' } },
  error: linkError('account_required'),
  choices: [
    { accountId: ACCOUNT_ID, name: 'Plaid Checking', mask: '0000', subtype: 'checking' },
    {
      accountId: 'lPNjeW1nR6CDn5okmGQ6hEpMo4lLNoSrzqDje',
      name: 'Plaid Saving',
      mask: '1111',
      subtype: 'savings',
    },
  ],
};
const ENDED_JOBS: LinkView['jobs'] = { [JOB]: { state: 'completed', completedAt: SETTLED_AT } };
const UNLINKING: LinkView = { ...IDENTITY, ...ITEM, state: 'unlinking', jobs: ENDED_JOBS };
const UNLINKED: LinkView = { ...IDENTITY, ...ITEM, state: 'unlinked', jobs: ENDED_JOBS };

const ROW: LinkSummary = {
  userId: USER_ID,
  state: 'needs_attention',
  stateSince: SETTLED_AT,
  errorCode: 'sign_in_required',
  jobs: [JOB],
  itemId: ITEM.itemId,
  workflowId: IDENTITY.workflowId,
  runId: RUN_ID,
  createdAt: CREATED_AT,
};

const TIMED_OUT: LinkError = linkError('result_timeout');

const RECEIVED = { answers: { 200: { received: { received: true } } } } satisfies OperationExamples;

/** By `operationId`. */
export const EXAMPLES: Readonly<Record<string, OperationExamples>> = {
  createLinkToken: {
    request: {
      link: { userId: USER_ID },
      repair: { userId: USER_ID, mode: 'update' },
      oauth: { userId: USER_ID, redirectUri: 'https://app.example.com/oauth-return', language: 'es' },
    },
    answers: {
      200: {
        token: {
          linkToken: 'link-sandbox-af1a0311-da53-4636-b754-dd15cc058176',
          expiration: '2026-01-01T04:00:00Z',
        },
      },
    },
  },
  startLink: {
    request: {
      publicToken: {
        userId: USER_ID,
        accountId: ACCOUNT_ID,
        publicToken: 'public-sandbox-12345678-90ab-cdef-1234-567890abcdef',
        jobs: [JOB, 'recurrence-detection'],
      },
      accessToken: {
        userId: USER_ID,
        accessToken: 'access-sandbox-12345678-90ab-cdef-1234-567890abcdef',
        jobs: [JOB],
      },
    },
    answers: { 202: { started: STARTED }, 200: { startedBefore: LINKED } },
  },
  listLinks: { answers: { 200: { page: { links: [ROW], nextPageToken: 'eyJhIjoxfQ' } } } },
  getLink: { answers: { 200: { linked: LINKED, chooseAnAccount: ACCOUNT_REQUIRED } } },
  confirmRepair: { answers: { 202: { goesOn: WAITING }, 200: { needsNoRepair: LINKED } } },
  chooseAccount: {
    request: { choice: { accountId: ACCOUNT_ID } },
    answers: { 202: { goesOn: WAITING } },
  },
  unlink: { answers: { 202: { underWay: UNLINKING }, 200: { unlinked: UNLINKED } } },
  runJob: { request: { job: { job: JOB } }, answers: { 202: { underWay: WAITING } } },
  getJob: {
    answers: {
      200: {
        completed: {
          job: JOB,
          state: 'completed',
          result: [{ employer: 'Bluebird Logistics', confidence: 0.97 }],
        },
        failed: { job: JOB, state: 'failed', error: TIMED_OUT },
      },
    },
  },
  eraseUser: {
    answers: {
      202: { underWay: { userId: USER_ID, erased: false } },
      200: { erased: { userId: USER_ID, erased: true } },
    },
  },
  receiveAtomicWebhook: {
    request: {
      jobFinished: {
        eventType: EVENT_TYPE_OF_JOB[JOB],
        eventTime: SETTLED_AT,
        user: { identifier: USER_ID },
        data: {},
      },
    },
    ...RECEIVED,
  },
  receivePlaidWebhook: {
    request: {
      signInRequired: {
        webhook_type: 'ITEM',
        webhook_code: 'ERROR',
        item_id: ITEM.itemId,
        environment: 'sandbox',
        error: { error_type: 'ITEM_ERROR', error_code: 'ITEM_LOGIN_REQUIRED' },
      },
    },
    ...RECEIVED,
  },
  livez: { answers: { 200: { alive: { status: 'alive' } } } },
  readyz: { answers: { 200: { ready: { status: 'ready' } } } },
};

type Body = Omit<NotificationEvent, 'id'>;
const about = { userId: USER_ID, runId: RUN_ID };

/** One of each type, as `NOTIFY_URL` receives them. */
export const NOTIFICATION_EXAMPLES = Object.fromEntries(
  (
    [
      { type: 'job.completed', timestamp: SETTLED_AT, data: { ...about, job: JOB, state: 'completed' } },
      {
        type: 'job.failed',
        timestamp: SETTLED_AT,
        data: { ...about, job: JOB, state: 'failed', code: 'result_timeout' },
      },
      {
        type: 'link.needs_attention',
        timestamp: SETTLED_AT,
        data: { ...about, state: 'needs_attention', code: 'sign_in_required' },
      },
      { type: 'link.recovered', timestamp: SETTLED_AT, data: { ...about, state: 'linked' } },
      {
        type: 'link.warning',
        timestamp: SETTLED_AT,
        data: { ...about, state: 'linked', code: 'pending_disconnect' },
      },
      {
        type: 'link.failed',
        timestamp: SETTLED_AT,
        data: { ...about, state: 'failed', code: 'relink_required' },
      },
      { type: 'link.unlinked', timestamp: SETTLED_AT, data: { ...about, state: 'unlinked' } },
    ] satisfies Body[]
  ).map((body) => [body.type, body]),
);

/** A problem as the server makes it; `status` is another one than the code's where HTTP has a finer one. */
export function problemExample(code: ProblemCode, status: number): Problem {
  return new HttpProblem(code, {
    ...(status !== PROBLEMS[code].status && { status }),
    ...(code === 'invalid_request' &&
      status === 400 && { errors: [{ path: 'jobs.0', message: 'is not as documented' }] }),
  }).body;
}
