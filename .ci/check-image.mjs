// Runs in the image: its codec server answers and ends when it is told to; API and worker load, and name what they lack.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

assert.equal(process.getuid(), 1000);
assert.equal(process.env.NODE_ENV, 'production');

function start(name, env = {}) {
  const child = spawn('node', ['--enable-source-maps', `dist/src/commands/${name}.js`], {
    cwd: '/app',
    env: { ...process.env, ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  return { child, closed: once(child, 'close'), output: () => output };
}

for (const name of ['api', 'worker']) {
  const { closed, output } = start(name);
  const [code] = await closed;
  assert.equal(code, 1, output());
  assert.match(output(), /PLAID_CLIENT_ID/);
  console.log(`${name}: names the settings that it lacks`);
}

const { child, closed, output } = start('codec', {
  ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  CODEC_TOKEN: randomBytes(24).toString('hex'),
  DRAIN_DELAY: '0',
});
const isAlive = async () => {
  const response = await fetch('http://127.0.0.1:3002/livez').catch(() => undefined);
  return response?.ok === true;
};
for (const endMs = Date.now() + 60_000; !(await isAlive()); await sleep(100)) {
  assert.ok(Date.now() < endMs && child.exitCode === null, output());
}
child.kill('SIGTERM');
const [code] = await closed;
assert.equal(code, 0, output());
console.log('codec: answers, and ends when it is told to');
