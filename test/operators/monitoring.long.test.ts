import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { killOnExit } from '../../src/dev-server/child-processes';
import { claimPort } from '../../src/system/free-port';
import { useService } from '../support/service';
import type { ServiceProcess } from '../support/service-process';
import { ROOT } from '../support/source-files';

jest.setTimeout(180_000);

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          annotations: z.object({ summary: z.string(), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
});
const dashboardSchema = z.object({
  title: z.string(),
  panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) })),
});
const answerSchema = z.object({
  status: z.literal('success'),
  data: z.object({ result: z.array(z.unknown()) }),
});

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const rules = rulesSchema
  .parse(parse(read('deploy/prometheus/alerts.yaml')))
  .groups.flatMap((group) => group.rules);
const queries = dashboardSchema
  .parse(JSON.parse(read('deploy/grafana/processor-link.json')))
  .panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const));

const service = useService({ processes: ['api', 'worker', 'codec'] });
let folder: string;
let url: string;
let stop: () => Promise<void>;

/** Prometheus, scraping a service that has linked a user. */
beforeAll(async () => {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  await service.call.job(userId, 'employer-classification', 1);
  folder = await mkdtemp(path.join(tmpdir(), 'processor-link-prometheus-'));
  const target = (processUrl: string) => new URL(processUrl).host;
  await writeFile(
    path.join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [path.join(ROOT, 'deploy/prometheus/alerts.yaml')],
      scrape_configs: [
        {
          job_name: 'processor-link',
          static_configs: [{ targets: [target(service.api.url), target(service.worker.url)] }],
        },
      ],
    }),
  );
  const port = await claimPort('127.0.0.1', 0);
  url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${path.join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  killOnExit(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  while ((await query('sum(up == 1)').catch(() => [])).length === 0) await sleep(250);
});
afterAll(async () => {
  await stop?.();
  await rm(folder, { recursive: true, force: true });
});

function metricsOf({ url: processUrl }: ServiceProcess): Promise<string> {
  return fetch(`${processUrl}/metrics`).then((response) => response.text());
}

async function query(expr: string): Promise<unknown[]> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expr)}`);
  return answerSchema.parse(await response.json()).data.result;
}

it.each(['api', 'worker', 'codec'] as const)('has nothing against the metrics of the %s', async (name) => {
  const checked = promisify(execFile)('promtool', ['check', 'metrics']);
  checked.child.stdin?.end(await metricsOf(service[name]));
  await expect(checked).resolves.toEqual({ stdout: '', stderr: '' });
});

it('the alerts fire when they should, and are quiet when all is well', async () => {
  const run = promisify(execFile)('promtool', ['test', 'rules', 'deploy/prometheus/alerts.test.yaml'], {
    cwd: ROOT,
  });
  await expect(run).resolves.toMatchObject({ stdout: expect.stringContaining('SUCCESS') });
});

it.each(rules.map(({ alert, expr, annotations }) => [alert, expr, annotations.runbook_url] as const))(
  'the alert %s is about metrics that are there, and has its section in the runbook',
  async (alert, expr, runbookUrl) => {
    expect(runbookUrl).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(read('docs/operations.md')).toMatch(new RegExp(`^### ${alert}$`, 'm'));
    await query(expr);
  },
);

it.each(queries)('the panel "%s" of the dashboard can be drawn: %s', async (_, expr) => {
  await query(expr.replaceAll('$__rate_interval', '5m'));
});

it('names metrics that the processes have', async () => {
  const named = [...rules.map(({ expr }) => expr), ...queries.map(([, expr]) => expr)].flatMap(
    (expr) => expr.match(/\b(?:processor_link|temporal)_[a-z_]+/g) ?? [],
  );
  const pages = await Promise.all([service.api, service.worker].map(metricsOf));
  const known = (name: string) =>
    pages.some((page) => page.includes(name.replace(/_(count|bucket|sum)$/, '')));
  // Counters of the SDK's are there once they have counted.
  const untilCounted = [
    'temporal_workflow_task_execution_failed_total',
    'processor_link_notifications_given_up_total',
  ];
  expect([...new Set(named)].filter((name) => !known(name) && !untilCounted.includes(name))).toEqual([]);
});

it('counts what a link has come to once, also when a worker replays it', async () => {
  const { userId } = await service.link();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  const counted = async () =>
    [
      ...(await metricsOf(service.worker)).matchAll(
        /^(processor_link_(?:link_outcomes_total|results_total|time_to_linked_seconds_count))\{(.*)\} (\d+)$/gm,
      ),
    ].map(([, name, labels = '', value]) =>
      [
        name,
        ...[...labels.matchAll(/(?:outcome|code|job|via)="([^"]*)"/g)].map(([, word]) => word),
        value,
      ].join(' '),
    );
  expect((await counted()).sort()).toEqual([
    'processor_link_link_outcomes_total none linked 2',
    'processor_link_results_total employer-classification webhook 2',
    'processor_link_results_total recurrence-detection webhook 2',
    'processor_link_time_to_linked_seconds_count 2',
  ]);
  await service.worker.stop();
  await service.worker.start();
  await service.call.linkWhen(userId, ({ state }) => state === 'linked');
  expect(await counted()).toEqual([]);
});
