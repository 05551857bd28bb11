import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../../src/operator/links/in-parallel';
import { countLinks, openLinksQuery } from '../../src/operator/links/open-links';
import { useService } from '../support/service';

/** For a figure: STUCK_LINKS=500. */
const LINKS = Number(process.env.STUCK_LINKS ?? 60);

jest.setTimeout(Math.max(180_000, LINKS * 2_000));

const LOOK_EVERY_MS = 200;

const service = useService();

/** Resolves once every link is of the condition. */
async function allAre(condition: string): Promise<void> {
  while ((await countLinks(service.temporal, openLinksQuery(condition))) < LINKS) await sleep(LOOK_EVERY_MS);
}

it('repairs every link that a wrong key has stopped, by the one command that stuck names', async () => {
  await service.worker.kill('SIGTERM');
  service.worker.launch({ ATOMIC_API_KEY: 'wrong-key' });
  const links = Array.from({ length: LINKS }, () => ({ jobs: ['employer-classification'] as const }));
  await inParallel(links, 10, (options) => service.link(options));
  await allAre("LinkError = 'configuration_error'");

  const found = await service.run('links', ['stuck']);
  expect(found.stdout).toContain(`configuration_error: ${LINKS}`);
  const [, action = '', query = ''] =
    /for all: npm run links -- (\w+) --query "(.*)" --yes/.exec(found.stdout) ?? [];
  await service.worker.kill('SIGTERM');
  await service.worker.start(service.env);

  const startedMs = performance.now();
  const seconds = () => ((performance.now() - startedMs) / 1_000).toFixed(1);
  const answer = await service.run('links', [action, '--query', query, '--yes', '--json']);
  const commandSeconds = seconds();
  expect([answer.code, answer.json()]).toMatchObject([0, { action: 'retry', done: LINKS, failed: 0 }]);
  await allAre("LinkState = 'linked'");
  console.log(
    `${LINKS} links: found in ${found.seconds.toFixed(1)} s, the command took ${commandSeconds} s, all linked after ${seconds()} s`,
  );
});
