import { useService } from '../support/service';

jest.setTimeout(60_000);

const EMPLOYER = 'employer-classification';
const RECURRING = 'recurrence-detection';

const service = useService({
  env: { RESULT_OVERDUE_AFTER: '1s' },
  atomic: { webhookMode: 'none' },
});

it('asks Atomic for the results when no webhook comes', async () => {
  const { call, atomic } = service;
  const { userId } = await service.link();

  const [employer, recurring] = await Promise.all([
    call.job(userId, EMPLOYER, 60),
    call.job(userId, RECURRING, 60),
  ]);

  expect(employer.job()).toMatchObject({ state: 'completed', result: expect.any(Array) });
  expect(recurring.job()).toMatchObject({ state: 'completed', result: expect.any(Array) });
  expect((await call.get(userId)).link().jobs).toMatchObject({
    [EMPLOYER]: { via: 'poll' },
    [RECURRING]: { via: 'poll' },
  });
  expect(atomic.ledger.effects('webhook_sent', userId)).toEqual([]);
  await call.unlink(userId, 60);
  expect(service.leftovers(userId)).toEqual([]);
});
