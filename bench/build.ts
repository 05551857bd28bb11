import { buildService } from '../test/support/built-service';

/** The service and what the benchmark runs in processes, as JavaScript: what compiles TypeScript on its way would be measured too. */
export function buildBench(): Promise<string> {
  return buildService('bench/tsconfig.json');
}
