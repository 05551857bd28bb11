import { Gauge, type Registry } from 'prom-client';
import type { IndexedLinkState } from '../contract/states';
import { atMostEvery } from '../http/server/at-most-every';

/** Whoever can reach `/metrics` may ask for it as often as they like. */
const COUNT_INTERVAL_MS = 5_000;

/**
 * Links by state, counted when the metrics are read. While they cannot be counted there are no samples. Every process counts
 * the same links: take the maximum over processes, not the sum.
 */
export function gaugeLinks(registry: Registry, count: () => Promise<Record<IndexedLinkState, number>>): void {
  const counted = atMostEvery(COUNT_INTERVAL_MS, () => count().catch(() => undefined));
  new Gauge({
    name: 'processor_link_links',
    help: 'Links by state, as the index of Temporal has them; of ended ones those that it still has.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await counted();
      this.reset();
      for (const [state, links] of Object.entries(counts ?? {})) this.set({ state }, links);
    },
  });
}
