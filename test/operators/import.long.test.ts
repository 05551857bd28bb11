import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useService } from '../support/service';
import { serviceBuild } from '../support/temporal';
import { importFileOf, lineOf } from './support/import-file';

jest.setTimeout(600_000);

const LINES = 1_000;
const PACE = '40';
const SETTLED = ['completed', 'failed'];

const service = useService();

const rowsOf = (report: string): number =>
  existsSync(report) ? readFileSync(report, 'utf8').split('\n').length - 1 : 0;

/** Of many links at once a read may be told to come again. */
async function settledJob(userId: string): Promise<string> {
  for (;;) {
    const answer = await service.call.job(userId, 'employer-classification', 60);
    if (answer.status === 503) await sleep(1_000);
    else if (SETTLED.includes(answer.job().state)) return answer.job().state;
  }
}

it('imports a thousand users, killed on the way and run again, each of them once', async () => {
  const build = await serviceBuild();
  const lines = Array.from({ length: LINES }, () => ({
    ...lineOf(service),
    jobs: ['employer-classification'],
  }));
  const file = await importFileOf(service, 'thousand.jsonl', lines);
  const args = [file, '--yes', '--json', '--pace', PACE];

  const command = [path.join(build, 'src/commands/links.js'), 'import', ...args];
  const killed = spawn(process.execPath, command, {
    cwd: service.folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...service.env },
    stdio: 'ignore',
  });
  while (rowsOf(`${file}.report.jsonl`) < LINES / 4) await sleep(100);
  const gone = once(killed, 'exit');
  killed.kill('SIGKILL');
  await gone;
  const before = rowsOf(`${file}.report.jsonl`);
  expect(before).toBeLessThan(LINES);

  const answer = await service.run('links', ['import', ...args]);
  expect(answer.code).toBe(0);
  const counts = answer.json() as { started: number; found: number; skipped: number };
  expect(counts).toMatchObject({ total: LINES, failed: 0, unwell: [] });
  expect(counts.started + counts.found + counts.skipped).toBe(LINES);
  expect(counts.skipped).toBeGreaterThanOrEqual(LINES / 4);

  for (const { userId } of lines) {
    expect(await settledJob(userId)).toBe('completed');
    expect(service.atomic.links(userId)).toHaveLength(1);
  }
});
