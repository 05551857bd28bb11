/**
 * `npm run test:matrix`: the integration part of the tests against the Temporal server of docker-compose.yml and the version before,
 * on each Node that the service supports. What there is no time for is printed as not run. Exits 1 when a part fails. Options:
 *
 *   --minutes <n>    begin nothing after these (60)
 *   --node <n>       20, 22 or 24 alone; may be repeated
 *   --server <v>     one of the two versions alone
 *   --only <text>    test files whose path has it, in place of the integration part; may be repeated
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { killOnExit } from '../../src/dev-server/child-processes';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes';
import { markdownTable } from '../support/markdown-table';
import { ROOT } from '../support/source-files';
import { connectTo } from '../support/temporal';
import { buildTemporal, versionBefore } from './temporal-build';
import { composeVersion, startTemporalCluster } from './temporal-cluster';

const NODES = ['22', '20', '24'];
/** Real servers and processes of their own. */
const INTEGRATION = [
  'test/integration/end-to-end',
  'test/integration/erase-user',
  'test/integration/link-client',
  'test/integration/worker-process',
  'test/faults/updates-in-flight',
  'test/faults/worker-killed',
  'test/deployments/rollout',
];
/** A closed run is deleted once the server has noted that its close was carried out: every 30 s otherwise. */
const PACE = ['transfer', 'visibility']
  .map((queue) => `history.${queue}ProcessorUpdateAckInterval:\n  - value: 1s\n`)
  .join('');

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    node: { type: 'string', multiple: true, default: NODES },
    server: { type: 'string' },
    only: { type: 'string', multiple: true, default: INTEGRATION },
  },
});
const startedAt = performance.now();
const isOver = () => performance.now() - startedAt > Number(options.minutes) * 60_000;
const say = (line: string) => process.stderr.write(`${line}\n`);

type Outcome = 'passed' | 'failed' | 'not run';

async function main(): Promise<void> {
  const current = composeVersion();
  const versions = [current, await versionBefore(current)].filter(
    (version) => options.server === undefined || options.server === version,
  );
  const outcomes: { version: string; node: string; outcome: Outcome; seconds: number }[] = [];
  for (const version of versions) {
    const nodes = [...options.node];
    if (isOver()) {
      for (const node of nodes) outcomes.push({ version, node, outcome: 'not run', seconds: 0 });
      continue;
    }
    const build = await buildTemporal(version);
    const cluster = await startTemporalCluster({
      nodes: 1,
      build,
      dynamicConfig: PACE,
      durable: false,
      log: say,
    });
    try {
      const connection = await connectTo(cluster.address);
      await ensureSearchAttributes(connection, cluster.namespace);
      await connection.close();
      for (const node of nodes) {
        const sinceMs = performance.now();
        const outcome = isOver() ? 'not run' : await runTests(node, cluster.address);
        outcomes.push({ version, node, outcome, seconds: (performance.now() - sinceMs) / 1_000 });
      }
    } finally {
      await cluster.close();
    }
  }
  const rows = outcomes.map(({ version, node, outcome, seconds }) => [
    ...[version, node, outcome],
    seconds.toFixed(0),
  ]);
  process.stdout.write(`\n${markdownTable(['Temporal', 'Node', '', 'seconds'], rows)}\n`);
  if (outcomes.some(({ outcome }) => outcome === 'failed')) throw new Error('Not all of it passed.');
}

async function runTests(node: string, address: string): Promise<Outcome> {
  say(`Node ${node}`);
  // One file at a time: some tests hold the API to the seconds in which it has to answer.
  const jest = ['node_modules/.bin/jest', '--runInBand', '--testPathPatterns', options.only.join('|')];
  const child = spawn('npx', ['--yes', `node@${node}`, ...jest], {
    cwd: ROOT,
    env: { ...process.env, TEST_TEMPORAL_ADDRESS: address },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  killOnExit(child);
  const [code]: unknown[] = await once(child, 'close');
  return code === 0 ? 'passed' : 'failed';
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
