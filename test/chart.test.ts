import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { apiSchema, codecSchema, workerSchema } from '../src/settings/schemas';
import { SettingsError } from '../src/settings/settings-error';
import { ROOT } from './support/source-files';

const CHART = path.join(ROOT, 'deploy/helm/processor-link');
const partSchema = z.object({ settings: z.record(z.string(), z.unknown()), secrets: z.array(z.string()) });
const valuesSchema = z.object({ api: partSchema, worker: partSchema, codec: partSchema });
const someSettings = z.record(z.string(), z.unknown()).default({});
const withSettings = z.object({ settings: someSettings }).default({ settings: {} });
/** Settings in the values of the chart or of an example. */
const settingsSchema = z.object({
  settings: someSettings,
  api: withSettings,
  worker: withSettings,
  codec: withSettings,
});
const defaults = valuesSchema.parse(parse(readFileSync(path.join(CHART, 'values.yaml'), 'utf8')));
const examples = readdirSync(path.join(CHART, 'examples'));
const templates = readdirSync(path.join(CHART, 'templates'))
  .map((name) => readFileSync(path.join(CHART, 'templates', name), 'utf8'))
  .join('\n');

it('runs files that there are', () => {
  const files = [...templates.matchAll(/"file" "([a-z-]+)\.js"/g)].map(([, name]) => `${name}.ts`);
  expect(files.length).toBeGreaterThan(3);
  expect(files.filter((name) => !existsSync(path.join(ROOT, 'src/commands', name)))).toEqual([]);
});

it.each([
  ['api', apiSchema.read],
  ['worker', workerSchema.read],
  ['codec', codecSchema.read],
] as const)('gives the %s what production asks for', (part, readSettings) => {
  const asked = problemsOf(() => readSettings({ NODE_ENV: 'production' })).map(({ name }) => name);
  // The template sets it from `api.publicUrl`.
  const given = [...defaults[part].secrets, 'PUBLIC_URL'];
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((name) => !given.includes(name))).toEqual([]);
});

it.each([
  ['api', apiSchema.read],
  ['worker', workerSchema.read],
  ['codec', codecSchema.read],
] as const)(
  'sets for the %s only settings that there are, to values that they take',
  (part, readSettings) => {
    const files = ['values.yaml', ...examples.map((name) => path.join('examples', name))];
    const documented = readFileSync(path.join(ROOT, '.env.example'), 'utf8');
    for (const file of files) {
      const { settings, [part]: own } = settingsSchema.parse(
        parse(readFileSync(path.join(CHART, file), 'utf8')),
      );
      // As the template writes them into the pod.
      const given = Object.fromEntries(
        Object.entries({ ...settings, ...own.settings }).map(([name, value]) => [name, String(value)]),
      );
      expect(Object.keys(given).filter((name) => !documented.includes(`${name}=`))).toEqual([]);
      const refused = problemsOf(() => readSettings(given));
      expect(refused.filter(({ name }) => name in given)).toEqual([]);
    }
  },
);

function problemsOf(read: () => unknown): SettingsError['problems'] {
  try {
    read();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

it.each(examples)('the example %s names only secrets that settings can be read from', (name) => {
  const text = readFileSync(path.join(CHART, 'examples', name), 'utf8');
  const documented = readFileSync(path.join(ROOT, '.env.example'), 'utf8');
  const secrets = [...text.matchAll(/secrets: \[(.*)\]/g)].flatMap(([, list = '']) => list.split(', '));
  expect(secrets.filter((secret) => !documented.includes(`${secret}=`))).toEqual([]);
});
