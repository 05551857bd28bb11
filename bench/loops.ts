/** Closed loops: so many links in flight, a new one for each that ends, the applications in turn. */
import { z } from 'zod';
import { countSchema, loopOutcomeSchema } from './answers';
import { costOfHistory, spanOfHistory } from './history-cost';
import { cpuMsOf, memoryMibOf } from './process-meter';
import { difference } from './server-meter';
import type { Contender, Kind, Stage } from './stage';
import { mean, percentile } from './statistics';

/** Enough for a p99; more histories would take longer to read than the loop itself. */
const HISTORIES = 400;
/** Of one application in one loop. Times in milliseconds, memory in MiB; counts, CPU too, are of a link. */
export interface LoopFigures {
  kind: Kind;
  inFlight: number;
  round: number;
  links: number;
  linksPerSecond: number;
  /** From the call that starts a link to the event that ends it, by the server's clock. */
  p50: number;
  p95: number;
  p99: number;
  appCpuMs: number;
  serverCpuMs: number;
  totalCpuMs: number;
  rpcs: number;
  persistence: number;
  visibility: number;
  events: number;
  historyBytes: number;
  workflowTasks: number;
  actions: number;
  appRssMib: number;
  serverRssMib: number;
  /** Links without a registration or a result. */
  lost: number;
  /** Links with more than one of either. */
  doubled: number;
}

export async function runLoop(
  stage: Stage,
  contender: Contender,
  loop: { inFlight: number; links: number; round: number },
): Promise<LoopFigures> {
  const { child, namespace, kind, pids } = contender;
  const { links, inFlight, round } = loop;
  await stage.providers.call('aim', z.undefined(), { webhookUrl: contender.webhookUrl, hold: false });
  const before = await stage.readServer(namespace);
  const cpuBefore = await cpuMsOf(pids);
  const outcome = await child.call('loop', loopOutcomeSchema, {
    ...loop,
    prefix: `${kind}-${inFlight}-${round}`,
  });
  // By then the last task of a link is written, too.
  const server = difference(await stage.readServer(namespace), before);
  const appCpuMs = ((await cpuMsOf(pids)) - cpuBefore) / links;
  const serverCpuMs = server.cpuMs / links;
  const seen = await stage.providers.call('count', countSchema);

  const { costs, latencies } = await readHistories(contender, outcome.started.slice(-HISTORIES));
  return {
    kind,
    inFlight,
    round,
    links,
    linksPerSecond: (links / outcome.tookMs) * 1_000,
    p50: percentile(latencies, 0.5),
    p95: percentile(latencies, 0.95),
    p99: percentile(latencies, 0.99),
    appCpuMs,
    serverCpuMs,
    totalCpuMs: appCpuMs + serverCpuMs,
    rpcs: server.rpcs / links,
    persistence: server.persistence / links,
    visibility: server.visibility / links,
    events: mean(costs.map(({ events }) => events)),
    historyBytes: mean(costs.map(({ bytes }) => bytes)),
    workflowTasks: mean(costs.map(({ workflowTasks }) => workflowTasks)),
    actions: mean(costs.map(({ actions }) => actions)),
    appRssMib: await memoryMibOf(pids),
    serverRssMib: await stage.serverMemoryMib(),
    lost: links - Math.min(seen.registeredOnce, seen.fetchedOnce) - seen.doubled,
    doubled: seen.doubled,
  };
}

async function readHistories(contender: Contender, links: { userId: string; calledAtMs: number }[]) {
  const latencies: number[] = [];
  const costs: ReturnType<typeof costOfHistory>[] = [];
  for (const { userId, calledAtMs } of links) {
    const handle = contender.client.workflow.getHandle(contender.workflowIdOf(userId));
    const history = await handle.fetchHistory();
    latencies.push(spanOfHistory(history).endedAtMs - calledAtMs);
    costs.push(costOfHistory(history));
  }
  return { latencies, costs };
}
