import { type LinkEvent, type LinkFacts, newLink } from '../../workflows/facts';
import { notificationsOf } from '../../workflows/notifications-of';
import { transition } from '../../workflows/transition';

const JOB = 'employer-classification';
const NOW = '2026-11-23T09:00:00.000Z';
const account = { accountId: 'account-1', mask: '0000', subtype: 'checking' };

const connected: LinkEvent[] = [
  { type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' },
  {
    type: 'processor_token_created',
    account,
    sealedProcessorToken: 'sealed',
    awaitHistory: false,
  },
];
const registered: LinkEvent[] = [...connected, { type: 'job_registered', job: JOB }];
const completed = (sha256: string): LinkEvent => ({
  type: 'job_completed',
  job: JOB,
  via: 'webhook',
  sha256,
});
const warned: LinkEvent = { type: 'warned', warning: { code: 'pending_disconnect' } };
const withdrawn: LinkEvent = { type: 'attention_needed', code: 'access_revoked' };

/** A link with one job to which this has happened, and the notifications of the last event. */
function notificationsAfter(...events: LinkEvent[]) {
  let before: LinkFacts = newLink({ userId: 'user-1', jobs: [JOB] }, NOW);
  let after = before;
  for (const event of events) {
    before = after;
    after = transition(before, event, NOW);
  }
  return notificationsOf(before, after);
}

it.each<[what: string, happened: LinkEvent[], type: string, data: object]>([
  ['a result', [...registered, completed('a')], 'job.completed', { job: JOB, state: 'completed' }],
  [
    'another result of the same job',
    [...registered, completed('a'), completed('b')],
    'job.completed',
    { job: JOB, state: 'completed' },
  ],
  [
    'a job that failed',
    [...registered, { type: 'job_failed', job: JOB, reason: { code: 'result_timeout' } }],
    'job.failed',
    { job: JOB, state: 'failed', code: 'result_timeout' },
  ],
  [
    'a user who has to act',
    [...registered, withdrawn],
    'link.needs_attention',
    { state: 'needs_attention', code: 'access_revoked' },
  ],
  ['a repair', [...registered, withdrawn, { type: 'repaired' }], 'link.recovered', { state: 'waiting' }],
  [
    "a bank's warning",
    [...registered, warned],
    'link.warning',
    { state: 'waiting', code: 'pending_disconnect' },
  ],
  [
    'another warning',
    [...registered, warned, { type: 'warned', warning: { code: 'pending_expiration' } }],
    'link.warning',
    { state: 'waiting', code: 'pending_expiration' },
  ],
  [
    'a warning that a repair settles',
    [...registered, warned, { type: 'repaired', confirmed: true }],
    'link.recovered',
    { state: 'waiting' },
  ],
  [
    'a job that an unlink ends while the user has to act',
    [...registered, withdrawn, { type: 'ending' }],
    'job.failed',
    { job: JOB, state: 'failed', code: 'unlinked' },
  ],
  [
    'a job that an unlink ends',
    [...registered, { type: 'ending' }],
    'job.failed',
    { job: JOB, state: 'failed', code: 'unlinked' },
  ],
  ['the end', [...registered, { type: 'ending' }, { type: 'ended' }], 'link.unlinked', { state: 'unlinked' }],
  [
    'a failure',
    [{ type: 'ending', failure: { code: 'relink_required' } }, { type: 'ended' }],
    'link.failed',
    { state: 'failed', code: 'relink_required' },
  ],
])('tells of %s', (_what, happened, type, data) => {
  expect(notificationsAfter(...happened)).toEqual([
    { type, timestamp: NOW, data: { userId: 'user-1', ...data } },
  ]);
});

it.each<[what: string, happened: LinkEvent[]]>([
  ['an exchange', [{ type: 'exchanged', itemId: 'item-1', sealedAccessToken: 'sealed' }]],
  ['a registration', registered],
  ['the same result again', [...registered, completed('a'), completed('a')]],
  ['a job that runs again', [...registered, completed('a'), { type: 'job_requested', job: JOB }]],
  ['what is known already', [...registered, withdrawn, withdrawn]],
  ['a warning that is sent again', [...registered, warned, warned]],
  ['a cleanup that begins, with every job done', [...registered, completed('a'), { type: 'ending' }]],
])('says nothing of %s', (_what, happened) => {
  expect(notificationsAfter(...happened)).toEqual([]);
});

it('tells of the end once, and of a job that is new, also where no reason is known', () => {
  const begun = newLink({ userId: 'user-1', jobs: [] }, NOW);
  const failed: LinkFacts = { ...begun, ending: 'failed', jobs: { [JOB]: { state: 'failed', run: 1 } } };
  expect(notificationsOf(begun, failed)).toEqual([
    { type: 'job.failed', timestamp: NOW, data: { userId: 'user-1', job: JOB, state: 'failed' } },
    { type: 'link.failed', timestamp: NOW, data: { userId: 'user-1', state: 'failed' } },
  ]);
  expect(notificationsOf(failed, { ...failed, updatedAt: '2026-11-24T09:00:00.000Z' })).toEqual([]);
});
