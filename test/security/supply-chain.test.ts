import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = path.join(__dirname, '..', '..');
const read = (...parts: string[]) => readFileSync(path.join(ROOT, ...parts), 'utf8');

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({ link: z.boolean().optional(), integrity: z.string().optional() }),
  ),
});
const workflowSchema = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.looseObject({
      permissions: z.undefined().optional(),
      steps: z.array(z.looseObject({ uses: z.string().optional() })),
    }),
  ),
});

it('installs no package whose content the lock file does not name', () => {
  const { packages } = lockSchema.parse(JSON.parse(read('package-lock.json')));
  const installed = Object.entries(packages).filter(
    ([name, { link }]) => name.includes('node_modules/') && !link,
  );
  expect(installed.length).toBeGreaterThan(100);
  const unnamed = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
  expect(unnamed.map(([name]) => name)).toEqual([]);
});

it('runs the image by a numeric user that is not root, with no compiler and no bundler', () => {
  const dockerfile = read('Dockerfile');
  expect(dockerfile.match(/^USER .*$/gm)).toEqual(['USER 1000:1000']);
  for (const name of ['@swc', 'terser', 'webpack']) {
    expect(dockerfile).toMatch(new RegExp(`rm -rf [^&]*node_modules/${name} `));
  }
});

it.each(readdirSync(path.join(ROOT, '.github', 'workflows')))(
  'gives %s no right but to read, and pins its actions by commit',
  (file) => {
    const { permissions, jobs } = workflowSchema.parse(parse(read('.github', 'workflows', file)));
    expect(permissions).toEqual({ contents: 'read' });
    const uses = Object.values(jobs).flatMap(({ steps }) => steps.flatMap((step) => step.uses ?? []));
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((action) => !/^[a-z-]+\/[a-z-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  },
);
