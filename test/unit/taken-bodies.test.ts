import { TakenBodies } from '../../src/link-client/taken-bodies';

function bodies({ bodiesPerUser = 2 } = {}) {
  let nowMs = 0;
  const taken = new TakenBodies({ bodiesPerUser, nowMs: () => nowMs });
  return {
    taken,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

it('knows a body of one user for a minute', () => {
  const { taken, pass } = bodies();
  expect(taken.has('u1', 'aa')).toBe(false);
  taken.add('u1', 'aa');
  expect([taken.has('u1', 'aa'), taken.has('u1', 'bb'), taken.has('u2', 'aa')]).toEqual([true, false, false]);
  pass(59_999);
  expect(taken.has('u1', 'aa')).toBe(true);
  pass(1);
  expect(taken.has('u1', 'aa')).toBe(false);
});

it('keeps the newest bodies of a user', () => {
  const { taken } = bodies();
  for (const body of ['aa', 'bb', 'cc']) taken.add('u1', body);
  expect(['aa', 'bb', 'cc'].map((body) => taken.has('u1', body))).toEqual([false, true, true]);
});

it('forgets those of one user', () => {
  const { taken } = bodies();
  taken.add('u1', 'aa');
  taken.add('u2', 'aa');
  taken.forget('u1');
  expect([taken.has('u1', 'aa'), taken.has('u2', 'aa')]).toEqual([false, true]);
});
