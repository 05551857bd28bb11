import { readFile } from 'node:fs/promises';
import { JOBS } from '../../src/contract/jobs';
import type { Ended } from '../support/ended';
import { useService } from '../support/service';
import { importFileOf, lineOf } from './support/import-file';

jest.setTimeout(180_000);

const service = useService();

const importLinks = (...args: string[]): Promise<Ended> => service.run('links', ['import', ...args]);

it('starts a link for each line, says which lines failed and why, and goes on where it stopped', async () => {
  const [first, second, other] = [lineOf(service), lineOf(service), lineOf(service)];
  // This one has a link by another request.
  await service.call.start({ ...other, jobs: ['employer-classification'] });
  const secret = 'access-production-5d0c4a9e';
  const file = await importFileOf(service, 'users.jsonl', [
    first,
    second,
    { ...first, jobs: ['recurrence-detection'] },
    other,
    '',
    `{"userId":"cut-short","accessToken":"${secret}`,
    { userId: 'user-1', accessToken: 'no-token', jobs: JOBS },
    { userId: 'user-2', publicToken: 'public-sandbox-1', jobs: JOBS },
    { userId: 'user-3', accessToken: secret, [secret]: 1, jobs: JOBS },
    { userId: 'user-4', accessToken: secret, jobs: JOBS },
  ]);

  const asked = await importLinks(file);
  expect(asked.code).toBe(2);
  expect(asked.stdout).toContain('Would start 3 links');
  expect(asked.stdout).toContain('Nothing was done.');
  expect(service.atomic.links(first.userId)).toEqual([]);

  const answer = await importLinks(file, '--yes', '--json', '--pace', '100');
  expect(answer.code).toBe(4);
  expect(answer.json()).toMatchObject({ total: 9, started: 2, found: 0, skipped: 0, failed: 7 });
  const report = await readFile(`${file}.report.jsonl`, 'utf8');
  const rows: { line: number }[] = report
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row));
  expect(rows.sort((one, two) => one.line - two.line)).toEqual([
    { line: 1, userId: first.userId, outcome: 'started' },
    { line: 2, userId: second.userId, outcome: 'started' },
    expect.objectContaining({ line: 3, outcome: 'failed', message: 'line 1 has this user' }),
    expect.objectContaining({ line: 4, userId: other.userId, outcome: 'failed', code: 'already_linked' }),
    expect.objectContaining({ line: 6, outcome: 'failed', message: 'is not JSON' }),
    expect.objectContaining({ line: 7, outcome: 'failed', message: expect.stringMatching(/^accessToken: /) }),
    expect.objectContaining({ line: 8, outcome: 'failed', message: expect.stringMatching(/^accessToken: /) }),
    expect.objectContaining({ line: 9, outcome: 'failed', message: 'line: has a field that is not known' }),
    expect.objectContaining({
      line: 10,
      userId: 'user-4',
      outcome: 'failed',
      message: "accessToken: is not of Plaid's sandbox, which PLAID_ENV names",
    }),
  ]);
  for (const text of [report, answer.stdout, answer.stderr]) expect(text).not.toContain(secret);
  for (const { userId } of [first, second]) {
    const { state } = (await service.call.job(userId, 'employer-classification', 60)).job();
    expect(state).toBe('completed');
  }

  // Users of an earlier run are left alone, whatever became of their links; lines that failed are tried again.
  await service.call.unlink(second.userId, 60);
  await service.call.unlink(other.userId, 60);
  const again = await importLinks(file, '--yes', '--json', '--pace', '100');
  expect(again.json()).toMatchObject({ started: 1, found: 0, skipped: 2, failed: 6 });
  expect((await service.call.get(second.userId)).link().state).toBe('unlinked');

  // Without the report of the first, what was started is found and not started twice.
  const fresh = await importFileOf(service, 'again.jsonl', [first]);
  const found = await importLinks(fresh, '--yes', '--json');
  expect([found.code, found.json()]).toEqual([
    0,
    expect.objectContaining({ started: 0, found: 1, failed: 0, unwell: [] }),
  ]);
});

it('says what is wrong with the file or the arguments', async () => {
  const missing = await importLinks('nowhere.jsonl', '--yes');
  expect([missing.code, missing.stderr]).toEqual([1, 'links: The file cannot be read: nowhere.jsonl\n']);
  const none = await importLinks();
  expect([none.code, none.stderr]).toEqual([1, 'links: Name a file: npm run links -- import <file.jsonl>\n']);
});
