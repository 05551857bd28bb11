import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Registry } from 'prom-client';
import { VERSION } from '../../src/contract/version';
import { gaugeLinks } from '../../src/process/link-gauge';
import { processMetrics } from '../../src/process/process-metrics';
import { measureProviders } from '../../src/process/provider-metrics';
import { ProviderError } from '../../src/providers/provider-error';
import { ROOT } from '../support/source-files';

const REQUEST = { provider: 'atomic', operation: 'POST /plaid/processor-link' } as const;

function refusal(code: string): ProviderError {
  return new ProviderError({ ...REQUEST, failureClass: 'configuration', code, ambiguous: false });
}

async function valuesOf(registry: Registry, name: string) {
  const { values = [] } = (await registry.getSingleMetric(`processor_link_${name}`)?.get()) ?? {};
  return values;
}

describe('what runs', () => {
  test('is the version of the package, with its build and Node.js', async () => {
    const { version }: { version: string } = JSON.parse(
      readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
    );
    expect(VERSION).toBe(version);
    const [build] = await valuesOf(processMetrics({ buildId: '2026-01-15.1' }), 'build_info');
    expect(build).toMatchObject({
      value: 1,
      labels: { version, build_id: '2026-01-15.1', node_version: process.versions.node },
    });
  });

  test('is told with what another source measures, also while that has nothing to say', async () => {
    const silent = processMetrics({ more: () => Promise.reject(new Error('away')) });
    expect(await silent.metrics()).toContain('processor_link_build_info');
    expect(await processMetrics({ more: async () => 'more 1\n' }).metrics()).toMatch(/\nmore 1\n$/);
  });
});

describe('requests to providers', () => {
  test('are measured by their outcome, and what they come to is handed on', async () => {
    const registry = new Registry();
    const watch = measureProviders(registry);
    await expect(watch(REQUEST, async () => 'answer')).resolves.toBe('answer');
    const refused = refusal('HTTP_401');
    await expect(watch(REQUEST, () => Promise.reject(refused))).rejects.toBe(refused);
    await expect(watch(REQUEST, () => Promise.reject(new DOMException('x', 'AbortError')))).rejects.toThrow(
      'x',
    );
    const counts = (await valuesOf(registry, 'provider_request_duration_seconds')).filter(
      (value) => 'metricName' in value && `${value.metricName}`.endsWith('count'),
    );
    expect(counts.map(({ labels, value }) => [labels, value])).toEqual(
      ['completed', 'configuration', 'cancelled'].map((outcome) => [{ ...REQUEST, outcome }, 1]),
    );
    expect(await valuesOf(registry, 'provider_failures_total')).toEqual([
      { value: 1, labels: { ...REQUEST, outcome: 'configuration', code: 'HTTP_401' } },
    ]);
  });

  test('have a bounded number of codes, whatever a provider calls its failures', async () => {
    const registry = new Registry();
    const watch = measureProviders(registry);
    for (let index = 0; index < 1_000; index += 1)
      await watch(REQUEST, () => Promise.reject(refusal(`CODE_${index}`))).catch(() => undefined);
    const failures = await valuesOf(registry, 'provider_failures_total');
    expect(failures).toHaveLength(201);
    expect(failures.at(-1)).toMatchObject({ value: 800, labels: { code: 'other' } });
  });
});

describe('links by state', () => {
  const COUNTS = { waiting: 1, linked: 2, needs_attention: 0, unlinking: 0, unlinked: 3, failed: 0 };

  test('are counted once, however often the metrics are read', async () => {
    const registry = new Registry();
    const count = jest.fn(async () => COUNTS);
    gaugeLinks(registry, count);
    await Promise.all([registry.metrics(), registry.metrics()]);
    const values = await valuesOf(registry, 'links');
    expect(Object.fromEntries(values.map(({ labels, value }) => [labels.state, value]))).toEqual(COUNTS);
    expect(count).toHaveBeenCalledTimes(1);
  });

  test('have no samples while they cannot be counted, and the rest is read', async () => {
    const registry = processMetrics();
    gaugeLinks(registry, () => Promise.reject(new Error('Temporal is away')));
    const text = await registry.metrics();
    expect(text).not.toContain('processor_link_links{');
    expect(text).toContain('processor_link_build_info{');
  });
});
