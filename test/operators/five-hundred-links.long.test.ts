import { z } from 'zod';
import { type Service, startService } from '../support/service';
import { serviceBuild } from '../support/temporal';
import { runCommand } from './support/run-command';

jest.setTimeout(600_000);

const LINKS = 500;
const AT_ONCE = 20;
const stuckSchema = z.object({
  links: z.array(z.object({ userId: z.string(), code: z.string(), cause: z.string(), command: z.string() })),
});
const countSchema = z.object({ total: z.number(), done: z.number(), failed: z.number() });

let build: string;
let service: Service;

beforeAll(async () => {
  build = await serviceBuild();
  service = await startService({ env: { LOG_LEVEL: 'warn' } });
});
afterAll(() => service?.close());

const links = (...args: string[]) =>
  runCommand({ build, folder: service.folder, env: service.env }, 'links', args);

async function forEachLink(work: () => Promise<unknown>): Promise<void> {
  const turns = Array.from({ length: LINKS }).values();
  const worker = async () => {
    for (const _ of turns) await work();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

it(`finds ${LINKS} links that a wrong key has stopped in 5 s, and repairs them by one command within a minute`, async () => {
  await service.worker.kill('SIGTERM');
  await service.worker.start({ ATOMIC_API_KEY: 'wrong-key' });
  await forEachLink(() => service.link({ jobs: ['employer-classification'] }));

  let found: z.output<typeof stuckSchema>['links'] = [];
  // The first refusal of each is followed by a pause in which no step is pending.
  while (found.filter(({ cause }) => cause.includes('registerProcessorLink')).length < LINKS) {
    const answer = await links('stuck', '--json');
    expect([answer.code, answer.stderr]).toEqual([0, '']);
    expect(answer.seconds).toBeLessThan(5);
    found = stuckSchema.parse(answer.json()).links;
  }
  expect(new Set(found.map(({ code }) => code))).toEqual(new Set(['configuration_error']));

  await service.worker.kill('SIGTERM');
  await service.worker.start({ ATOMIC_API_KEY: service.env.ATOMIC_API_KEY ?? '' });
  const startedMs = performance.now();
  const query = "LinkError = 'configuration_error'";
  const answer = await links('retry', '--query', query, '--yes', '--json', '--pace', '100');
  expect(countSchema.parse(answer.json())).toEqual({ total: LINKS, done: LINKS, failed: 0 });
  const stillStuck = async () => stuckSchema.parse((await links('stuck', '--json')).json()).links.length;
  while ((await stillStuck()) > 0) expect(performance.now() - startedMs).toBeLessThan(60_000);
  expect(performance.now() - startedMs).toBeLessThan(60_000);
});
