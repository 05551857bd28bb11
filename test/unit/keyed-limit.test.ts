import { KeyedLimit } from '../../src/link-client/keyed-limit';

function held(): { task: () => Promise<string>; release: () => void; begun: () => boolean } {
  let release = () => {};
  const gate = new Promise<string>((resolve) => {
    release = () => resolve('done');
  });
  let begun = false;
  return {
    task: () => {
      begun = true;
      return gate;
    },
    release,
    begun: () => begun,
  };
}

const settle = () => new Promise(setImmediate);

it('lets no more than the limit run at once for a key, and the others in order as places become free', async () => {
  const limit = new KeyedLimit(2);
  const tasks = Array.from({ length: 4 }, held);
  const results = tasks.map(({ task }) => limit.run('a', task));
  await settle();
  expect(tasks.map(({ begun }) => begun())).toEqual([true, true, false, false]);

  tasks[1]?.release();
  await settle();
  expect(tasks.map(({ begun }) => begun())).toEqual([true, true, true, false]);

  for (const { release } of tasks) release();
  expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done']);
  expect(limit.size).toBe(0);
});

it('keeps one key out of the way of another', async () => {
  const limit = new KeyedLimit(1);
  const [first, other] = [held(), held()];
  const results = [limit.run('a', first.task), limit.run('b', other.task)];
  await settle();
  expect([first.begun(), other.begun()]).toEqual([true, true]);
  first.release();
  other.release();
  await Promise.all(results);
});

it('gives the place of a task that fails to the next', async () => {
  const limit = new KeyedLimit(1);
  const failing = limit.run('a', () => Promise.reject(new Error('no')));
  const next = limit.run('a', async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
  expect(limit.size).toBe(0);
});
