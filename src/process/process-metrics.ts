import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { VERSION } from '../contract/version';

/** Gauges that are called as if they counted; the same is there by type, in `nodejs_active_handles` and so on. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** A registry that also holds what another source has to say, as text of the same format. */
class RegistryWith extends Registry {
  readonly #more: () => Promise<string>;

  constructor(more: () => Promise<string>) {
    super();
    this.#more = more;
  }

  override async metrics(): Promise<string> {
    const [own, more] = await Promise.all([super.metrics(), this.#more().catch(() => '')]);
    return `${own}\n${more}`;
  }
}

/**
 * The registry of a process, with Node's own metrics and which build it is. `more` gives what another source measures.
 * `buildId` is that of Worker Deployment Versioning.
 */
export function processMetrics({
  more = async () => '',
  buildId = '',
}: {
  more?: () => Promise<string>;
  buildId?: string | undefined;
} = {}): Registry {
  const registry = new RegistryWith(more);
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const build = new Gauge({
    name: 'processor_link_build_info',
    help: 'Always 1; its labels say which build runs, and on which Node.js.',
    labelNames: ['version', 'build_id', 'node_version'],
    registers: [registry],
  });
  build.set({ version: VERSION, build_id: buildId, node_version: process.versions.node }, 1);
  return registry;
}
