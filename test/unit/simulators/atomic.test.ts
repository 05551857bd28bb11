import employerMatches from '../../fixtures/atomic/employer-matches.json';
import registration from '../../fixtures/atomic/processor-link-create.employer-classification.json';
import recurring from '../../fixtures/atomic/recurring-financial-transactions.json';
import {
  closeAll,
  EMPLOYER,
  expectRefusal,
  KEYS,
  LINK,
  link,
  RECURRENCE,
  receiver,
  register,
  send,
  start,
} from './atomic-harness';
import { at, call } from './webhook-receiver';

afterEach(closeAll);

describe('POST /plaid/processor-link', () => {
  it('stores the registration and answers in the shape of the contract', async () => {
    const atomic = await start({ settings: { jobDelayMs: 'manual' } });
    const answer = await register(atomic);
    expect(answer.status).toBe(200);
    expect(Object.keys(Object(at(answer.body, 'data')))).toEqual(
      Object.keys(registration.response.body.data),
    );
    expect(atomic.links('user-1')).toMatchObject([{ job: EMPLOYER, run: 1, state: 'running' }]);
    expect(JSON.stringify([atomic.links(), atomic.ledger.entries])).not.toContain('processor-sandbox-1');
    expect(atomic.nothingLeft('user-1')).toBe(false);
    expect(atomic.nothingLeft('user-2')).toBe(true);
  });

  it.each([
    ['no credentials', link(EMPLOYER), {}, 401],
    ['a wrong secret', link(EMPLOYER), { ...KEYS, 'x-api-secret': 'other' }, 401],
    ['an unknown field', link(EMPLOYER, { extra: 1 }), KEYS, 422],
    [
      'the token under another name',
      link(EMPLOYER, { processorToken: undefined, processor_token: 'x' }),
      KEYS,
      422,
    ],
    ['an unknown job', { ...link(EMPLOYER), job: 'payroll' }, KEYS, 422],
    ['no job', { ...link(EMPLOYER), job: undefined }, KEYS, 422],
    ['no user', link(EMPLOYER, { identifier: '' }), KEYS, 422],
    ['no token', link(EMPLOYER, { processorToken: undefined }), KEYS, 422],
    ['a list', [], KEYS, 422],
    ['an access token', link(EMPLOYER, { processorToken: 'access-sandbox-1' }), KEYS, 400],
  ])('refuses %s and stores nothing', async (_case, body, headers, status) => {
    const atomic = await start();
    expectRefusal(await send(atomic, 'POST', LINK, body, headers), status);
    expect(atomic.nothingLeft()).toBe(true);
    expect(atomic.ledger.requests()[0]).toMatchObject({ status, outcome: 'answered' });
  });

  it('refuses a body that is not JSON, and a path that it does not know', async () => {
    const atomic = await start();
    const headers = { ...KEYS, 'content-type': 'application/json' };
    expectRefusal(await call(`${atomic.url}${LINK}`, { method: 'POST', body: '{', headers }), 400);
    expectRefusal(await send(atomic, 'POST', '/plaid/processor-links', link(EMPLOYER)), 404);
    expectRefusal(await send(atomic, 'DELETE', `${LINK}/user-1`), 404);
  });

  it('refuses a token that Plaid does not know', async () => {
    const live = new Set(['processor-sandbox-good']);
    const atomic = await start({ isProcessorTokenLive: async (token) => live.has(token) });
    expectRefusal(await register(atomic, EMPLOYER, { processorToken: 'processor-sandbox-bad' }), 400);
    expect((await register(atomic, EMPLOYER, { processorToken: 'processor-sandbox-good' })).status).toBe(200);
  });

  it('wants the user made first, where that is the rule', async () => {
    const atomic = await start({ settings: { userMustExist: true } });
    expectRefusal(await register(atomic), 404);
    expectRefusal(await send(atomic, 'POST', '/access-token', { identifier: 'user-1', extra: 1 }), 422);
    expect((await send(atomic, 'POST', '/access-token', { identifier: 'user-1' })).status).toBe(200);
    expect((await register(atomic)).status).toBe(200);
    expect(atomic.ledger.effects('user_created', 'user-1')).toHaveLength(1);
  });

  it('takes the same call again as the same link, and joins the run under way', async () => {
    const hooks = await receiver();
    const atomic = await start({ webhookUrl: hooks.url, settings: { jobDelayMs: 'manual' } });
    const first = await register(atomic);
    const second = await register(atomic);
    expect(second.body).toEqual(first.body);
    await atomic.completeJob('user-1', EMPLOYER);
    await expect(atomic.completeJob('user-1', EMPLOYER)).rejects.toThrow('does not run');
    const third = await register(atomic);
    expect(third.body).toEqual(first.body);
    expect(atomic.links()).toMatchObject([{ run: 2, state: 'running' }]);
    await atomic.ledger.waitForEffect('webhook_sent');
    expect(hooks.received).toHaveLength(1);
  });
});

describe('DELETE /plaid/processor-link', () => {
  it('removes all of the user, once', async () => {
    const atomic = await start();
    await register(atomic, EMPLOYER);
    await register(atomic, RECURRENCE);
    const body = { identifier: 'user-1' };
    expectRefusal(await send(atomic, 'DELETE', LINK, { ...body, all: true }), 422);
    expectRefusal(await send(atomic, 'DELETE', LINK, {}), 422);
    expectRefusal(await send(atomic, 'DELETE', LINK, { identifier: 'user-2' }), 404);
    expect((await send(atomic, 'DELETE', LINK, body)).status).toBe(200);
    expect(atomic.nothingLeft()).toBe(true);
    expectRefusal(await send(atomic, 'DELETE', LINK, body), 404);
    expect(atomic.ledger.effects('registration_removed')).toMatchObject([
      { userId: 'user-1', details: { jobs: `${EMPLOYER},${RECURRENCE}` } },
    ]);
  });

  it('stops the job that runs: no webhook, no result', async () => {
    const atomic = await start({ settings: { jobDelayMs: 'manual' } });
    await register(atomic);
    await send(atomic, 'DELETE', LINK, { identifier: 'user-1' });
    await expect(atomic.completeJob('user-1', EMPLOYER)).rejects.toThrow('does not run');
    expectRefusal(await send(atomic, 'GET', '/employer-matches/user-1'), 404);
  });

  it('stops a job that is just looking at its token', async () => {
    let answer = (_live: boolean) => {};
    let looks = 0;
    const isProcessorTokenLive = () => {
      looks += 1;
      return looks === 1 || new Promise<boolean>((resolve) => (answer = resolve));
    };
    const atomic = await start({ settings: { jobDelayMs: 'manual' }, isProcessorTokenLive });
    await register(atomic);
    const completing = atomic.completeJob('user-1', EMPLOYER);
    await send(atomic, 'DELETE', LINK, { identifier: 'user-1' });
    answer(true);
    await completing;
    expect(atomic.ledger.effects('job_finished')).toHaveLength(0);
  });

  it.each([
    ['query', `${LINK}?identifier=user-1`],
    ['path', `${LINK}/user-1`],
  ] as const)('names the user in the %s where the contract says so', async (where, path) => {
    const atomic = await start({ contract: { deleteIdentifierIn: where } });
    await register(atomic);
    const inBody = await send(atomic, 'DELETE', LINK, { identifier: 'user-1' });
    expect([404, 422]).toContain(inBody.status);
    expect(atomic.nothingLeft()).toBe(false);
    expect((await send(atomic, 'DELETE', path)).status).toBe(200);
    expect(atomic.ledger.requests('DELETE /plaid/processor-link', 'user-1').at(-1)?.status).toBe(200);
  });
});

describe('results', () => {
  it.each([
    [EMPLOYER, '/employer-matches/user-1', employerMatches],
    [RECURRENCE, '/recurring-financial-transactions/user-1', recurring],
  ] as const)(
    'of %s are there once the job has finished, in the shape of the contract',
    async (job, path, fixture) => {
      const atomic = await start({ settings: { jobDelayMs: 'manual' } });
      expectRefusal(await send(atomic, 'GET', path), 404);
      await register(atomic, job);
      expectRefusal(await send(atomic, 'GET', path), 404);
      await atomic.completeJob('user-1', job);
      const { status, body, text } = await send(atomic, 'GET', path);
      expect(status).toBe(200);
      expect(text).toContain('Bluebird Logistics');
      const keys = (value: unknown) => Object.keys(Object(value)).sort();
      expect(keys(at(body, 'data', 0))).toEqual(keys(fixture.body.data[0]));
      expect(at(body, 'data')).toHaveLength(fixture.body.data.length);
      expectRefusal(await send(atomic, 'GET', path, undefined, {}), 401);
      expectRefusal(await send(atomic, 'GET', `${path}?page=2`), 422);
    },
  );

  it('differ from run to run', async () => {
    const atomic = await start({ now: () => 0, settings: { jobDelayMs: 'manual' } });
    const run = async () => {
      await register(atomic);
      await atomic.completeJob('user-1', EMPLOYER);
      return (await send(atomic, 'GET', '/employer-matches/user-1')).text;
    };
    expect(await run()).not.toBe(await run());
  });

  it('may be an empty list before the job ends, come late, and outlive the registration', async () => {
    let nowMs = 0;
    const settings = { beforeResult: 'empty', resultLagMs: 500, keepResultsAfterRemoval: true } as const;
    const atomic = await start({ now: () => nowMs, settings });
    const read = () => send(atomic, 'GET', '/employer-matches/user-1');
    await register(atomic);
    await atomic.ledger.waitForEffect('job_finished');
    expect((await read()).body).toEqual({ data: [] });
    nowMs = 500;
    expect(at((await read()).body, 'data')).toHaveLength(2);
    await send(atomic, 'DELETE', LINK, { identifier: 'user-1' });
    expect(at((await read()).body, 'data')).toHaveLength(2);
  });

  it('can be set, for a user or for all, and to the byte', async () => {
    const atomic = await start();
    const read = (userId: string) => send(atomic, 'GET', `/employer-matches/${userId}`);
    for (const identifier of ['user-1', 'user-2']) await register(atomic, EMPLOYER, { identifier });
    await atomic.ledger.waitForEffect('job_finished', { userId: 'user-2' });
    atomic.setResult(EMPLOYER, undefined, []);
    atomic.setResultBy(EMPLOYER, 'user-2', ({ run }) => [{ run }]);
    expect((await read('user-1')).body).toEqual({ data: [] });
    expect((await read('user-2')).body).toEqual({ data: [{ run: 1 }] });
    atomic.setResultBytes(EMPLOYER, 'user-2', 1_024_001);
    const large = await read('user-2');
    expect(Buffer.byteLength(large.text)).toBe(1_024_001);
    expect(at(large.body, 'data')).toHaveLength(1);
    atomic.clearResult(EMPLOYER, 'user-2');
    expect((await read('user-2')).body).toEqual({ data: [] });
  });

  it('take the token name, the paths and the bare list of another contract', async () => {
    const resultPaths = {
      [EMPLOYER]: '/user/{identifier}/employer-matches',
      [RECURRENCE]: '/financial-transactions/recurring/{identifier}',
    } as const;
    const contract = { tokenField: 'processor_token', resultPaths, resultsWrapped: false };
    const atomic = await start({ contract });
    expectRefusal(await register(atomic), 422);
    const body = { identifier: 'user:1', processor_token: 'processor-sandbox-1', job: RECURRENCE };
    expect((await send(atomic, 'POST', LINK, body)).status).toBe(200);
    await atomic.ledger.waitForEffect('job_finished');
    const path = `/financial-transactions/recurring/${encodeURIComponent('user:1')}`;
    expect((await send(atomic, 'GET', path)).body).toHaveLength(3);
    expectRefusal(await send(atomic, 'GET', '/recurring-financial-transactions/user:1'), 404);
  });

  it('never come when the token died before the job read it', async () => {
    let live = true;
    const hooks = await receiver();
    const settings = { jobDelayMs: 'manual' } as const;
    const atomic = await start({ webhookUrl: hooks.url, settings, isProcessorTokenLive: () => live });
    await register(atomic);
    live = false;
    await atomic.completeJob('user-1', EMPLOYER);
    expect(atomic.ledger.effects('job_abandoned')).toHaveLength(1);
    expectRefusal(await send(atomic, 'GET', '/employer-matches/user-1'), 404);
    expect(hooks.received).toHaveLength(0);
  });
});
