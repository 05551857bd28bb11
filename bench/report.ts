/** The figures as tables in Markdown, medians over the rounds, and the ratios that matter. */
import { markdownTable } from '../test/support/markdown-table';
import type { LoopFigures } from './loops';
import type { Noise } from './noise';
import type { PayloadCost } from './payload-cost';
import type { ReadFigures } from './reads';
import type { ReceiverFigures } from './receiver';
import { KINDS, type Kind } from './stage';
import { median } from './statistics';
import type { WaitingFigures } from './waiting';

export interface BenchResults {
  startedAt: string;
  machine: { cpu: string; cpus: number; node: string };
  bundleKib: number;
  noise: { before: Noise; after?: Noise };
  payloads: PayloadCost[];
  loops: LoopFigures[];
  reads: ReadFigures[];
  receiver: ReceiverFigures[];
  waiting: WaitingFigures[];
}

type LoopNumber = Exclude<keyof LoopFigures, 'kind'>;

/** The CPU and the counts come first: they hold on a machine that others use too. */
const LOOP_ROWS: readonly (readonly [label: string, field: LoopNumber, digits: number])[] = [
  ['CPU ms a link', 'totalCpuMs', 1],
  ['of the app', 'appCpuMs', 1],
  ['of the server', 'serverCpuMs', 1],
  ['history events', 'events', 1],
  ['history bytes', 'historyBytes', 0],
  ['workflow tasks', 'workflowTasks', 2],
  ['billable actions', 'actions', 2],
  ['RPCs', 'rpcs', 1],
  ['persistence calls', 'persistence', 1],
  ['visibility calls', 'visibility', 1],
  ['links a second', 'linksPerSecond', 1],
  ['p50 ms', 'p50', 0],
  ['p95 ms', 'p95', 0],
  ['p99 ms', 'p99', 0],
  ['app memory MiB', 'appRssMib', 0],
  ['server memory MiB', 'serverRssMib', 0],
  ['lost', 'lost', 0],
  ['doubled', 'doubled', 0],
];
/** Rows whose spread between rounds is shown as well. */
const SPREAD: readonly LoopNumber[] = ['totalCpuMs', 'appCpuMs', 'serverCpuMs', 'linksPerSecond'];

export function reportOf(results: BenchResults): string {
  const { machine, noise } = results;
  const lines = [
    `${machine.cpus} × ${machine.cpu}, Node ${machine.node}, ${results.startedAt}, bundle ${results.bundleKib.toFixed(0)} KiB`,
    `noise before: ${noiseLine(noise.before)}`,
    ...(noise.after ? [`noise after:  ${noiseLine(noise.after)}`] : []),
  ];
  lines.push('', payloadLines(results.payloads));
  if (results.loops.length > 0) lines.push('', ...loopLines(results.loops));
  if (results.reads.length > 0) lines.push('', readLines(results.reads));
  if (results.receiver.length > 0) lines.push('', receiverLines(results.receiver));
  if (results.waiting.length > 0) lines.push('', waitingLines(results.waiting));
  return `${lines.join('\n')}\n`;
}

function noiseLine({ probeMs, load }: Noise): string {
  return `fixed work ${probeMs.toFixed(0)} ms, load ${load.map((value) => value.toFixed(1)).join(' ')}`;
}

function payloadLines(costs: readonly PayloadCost[]): string {
  return table([
    ['payload, bytes', 'encrypted', 'encode µs', 'decode µs', 'first encode of a workflow µs'],
    ...costs.map((cost) => [
      String(cost.plainBytes),
      String(cost.encodedBytes),
      cost.encodeMicroseconds.toFixed(0),
      cost.decodeMicroseconds.toFixed(0),
      cost.firstEncodeMicroseconds.toFixed(0),
    ]),
  ]);
}

function loopLines(loops: readonly LoopFigures[]): string[] {
  const kinds = KINDS.filter((kind) => loops.some((one) => one.kind === kind));
  return [...new Set(loops.map(({ inFlight }) => inFlight))].flatMap((inFlight) => {
    const valuesOf = (kind: Kind, field: LoopNumber) =>
      loops.filter((one) => one.kind === kind && one.inFlight === inFlight).map((one) => one[field]);
    const of = (kind: Kind, field: LoopNumber) => median(valuesOf(kind, field));
    const others = kinds.filter((kind) => kind !== 'thin');
    const rows = LOOP_ROWS.map(([label, field, digits]) => [
      label,
      ...kinds.map((kind) => {
        const values = valuesOf(kind, field);
        const middle = median(values).toFixed(digits);
        if (values.length < 2 || !SPREAD.includes(field)) return middle;
        return `${middle} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
      }),
      ...others.map((kind) => ratio(of('thin', field), of(kind, field))),
    ]);
    const links = median(loops.filter((one) => one.inFlight === inFlight).map((one) => one.links));
    return [
      table([
        [
          `${inFlight} in flight, ${links} links a round`,
          ...kinds,
          ...others.map((kind) => `thin ÷ ${kind}`),
        ],
        ...rows,
      ]),
      '',
      `p99/p50: ${kinds.map((kind) => `${kind} ${ratio(of(kind, 'p99'), of(kind, 'p50'))}`).join(', ')}`,
      '',
    ];
  });
}

function readLines(figures: readonly ReadFigures[]): string {
  const of = (field: keyof ReadFigures) => median(figures.map((one) => one[field]));
  return table([
    [
      'reads/s',
      'links',
      'app CPU ms',
      'server CPU ms',
      'RPCs',
      'persistence',
      'p50 ms',
      'p99 ms',
      'failed',
      'events added',
    ],
    [
      of('readsPerSecond').toFixed(0),
      of('links').toFixed(0),
      of('appCpuMs').toFixed(2),
      of('serverCpuMs').toFixed(2),
      of('rpcs').toFixed(2),
      of('persistence').toFixed(2),
      of('p50Ms').toFixed(1),
      of('p99Ms').toFixed(1),
      of('failed').toFixed(0),
      of('eventsAdded').toFixed(0),
    ],
  ]);
}

function receiverLines(figures: readonly ReceiverFigures[]): string {
  const whats = [...new Set(figures.map(({ what }) => what))];
  const of = (what: string, field: Exclude<keyof ReceiverFigures, 'what'>) =>
    median(figures.filter((one) => one.what === what).map((one) => one[field]));
  const row = (what: string) => [
    what,
    of(what, 'requestsPerSecond').toFixed(0),
    of(what, 'userMicroseconds').toFixed(0),
    of(what, 'systemMicroseconds').toFixed(0),
    of(what, 'p50Ms').toFixed(1),
    of(what, 'p99Ms').toFixed(1),
    of(what, 'unexpected').toFixed(0),
    ratio(of(what, 'requestsPerSecond'), of('bare', 'requestsPerSecond')),
  ];
  return table([
    ['receiver', 'requests/s', 'user µs', 'system µs', 'p50 ms', 'p99 ms', 'unexpected', 'of bare'],
    ...whats.map(row),
  ]);
}

function waitingLines(figures: readonly WaitingFigures[]): string {
  return table([
    [
      'waiting',
      'idle MiB',
      'above idle',
      'heap above',
      'started/s',
      'drain s',
      'drained/s',
      'CPU ms',
      'retries',
      'lost',
      'doubled',
    ],
    ...figures.map((one) => [
      String(one.links),
      one.idleRssMib.toFixed(0),
      one.aboveIdleMib.toFixed(0),
      one.heapAboveIdleMib.toFixed(0),
      one.startedPerSecond.toFixed(1),
      one.drainSeconds.toFixed(1),
      one.drainedPerSecond.toFixed(1),
      one.appCpuMsPerDrainedLink.toFixed(1),
      String(one.webhookRetries),
      String(one.lost),
      String(one.doubled),
    ]),
  ]);
}

function ratio(value: number, base: number): string {
  return Number.isFinite(value / base) ? (value / base).toFixed(2) : '';
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return markdownTable(head, rows);
}
