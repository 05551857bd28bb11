import { spawn } from 'node:child_process';
import { once } from 'node:events';

test('a process whose log nobody reads any more ends all the same', async () => {
  const script = require.resolve('./log-and-end');
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 50_000,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  child.stdout.destroy();
  child.stdin.end();
  expect(await ended).toEqual([7, null]);
});
