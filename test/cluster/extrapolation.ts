import { markdownTable } from '../support/markdown-table';
import { CLOUD_PRICES, HOURS_IN_MONTH, priceOfActions } from './cloud-prices';

/** Of one link, as measured. */
export interface LinkCost {
  /** Milliseconds. */
  cpuMs: Readonly<Record<'workers' | 'APIs' | 'Temporal' | 'PostgreSQL', number>>;
  persistenceCalls: number;
  rowsWritten: number;
  transactions: number;
  walBytes: number;
  databaseBytes: number;
  /** Billable in Temporal Cloud. */
  actions: number;
  historyBytes: number;
}

/** What is left free of every core and shard. */
const USE = 0.6;
/** A shard writes one transaction after the other; at 10 ms each, this is half of what it can do. */
const CALLS_PER_SHARD = 50;
const RATES = [1, 10, 100, 10_000];
const DAY_S = 86_400;
const [MIB, GIB, GB] = [1024 ** 2, 1024 ** 3, 1e9];
const MILLION = 1_000_000;

/** Shards, processes and writes for so many links a second. */
export function needsAt(rate: number, cost: LinkCost) {
  const cores = (cpuMs: number) => Math.ceil((rate * cpuMs) / 1_000 / USE);
  const calls = rate * cost.persistenceCalls;
  return {
    // Fixed when the cluster is made, so that there are never fewer than a few.
    shards: Math.max(4, 2 ** Math.ceil(Math.log2(calls / CALLS_PER_SHARD))),
    workers: cores(cost.cpuMs.workers),
    apis: cores(cost.cpuMs.APIs),
    temporalCores: cores(cost.cpuMs.Temporal),
    postgresqlCores: cores(cost.cpuMs.PostgreSQL),
    calls,
    transactions: rate * cost.transactions,
    rows: rate * cost.rowsWritten,
    walMibPerSecond: (rate * cost.walBytes) / MIB,
    databaseGibPerDay: (rate * cost.databaseBytes * DAY_S) / GIB,
  };
}

/** As Markdown: the needs of more links a second than one machine takes, and the price of a million in Temporal Cloud. */
export function extrapolation(cost: LinkCost): string {
  const head = [
    ...['links a second', 'shards', 'workers, a core each', 'APIs, a core each'],
    ...[
      'cores of Temporal',
      'cores of PostgreSQL',
      'persistence calls/s',
      'transactions/s',
      'rows written/s',
    ],
    ...['WAL MiB/s', 'database GiB a day'],
  ];
  const rows = RATES.map((rate) => {
    const needs = needsAt(rate, cost);
    const written = [needs.calls, needs.transactions, needs.rows, needs.walMibPerSecond];
    return [
      ...[rate, needs.shards, needs.workers, needs.apis].map((one) => one.toLocaleString('en')),
      ...[needs.temporalCores, needs.postgresqlCores].map((one) => one.toLocaleString('en')),
      ...[...written, needs.databaseGibPerDay].map(rounded),
    ];
  });
  const million = millionLinks(cost);
  return `${markdownTable(head, rows)}

R links a second need the next power of two from R × ${cost.persistenceCalls.toFixed(1)} persistence calls ÷ ${CALLS_PER_SHARD} as shards, and R × CPU ms ÷ 1,000 ÷ ${USE} cores of
each part; writes are R × those of one link.

A million links with one job each are ${rounded(million.actions / MILLION)} million actions in Temporal Cloud, $${rounded(million.actionsDollars)} in one month. Their histories are
${rounded(million.historyGb)} GB: $${rounded(million.activeDollars)} a month while they are open, $${rounded(million.retainedDollars)} once they are closed (${CLOUD_PRICES.source}, ${CLOUD_PRICES.readAt}).`;
}

export function millionLinks({ actions, historyBytes }: Pick<LinkCost, 'actions' | 'historyBytes'>) {
  const historyGb = (MILLION * historyBytes) / GB;
  return {
    actions: actions * MILLION,
    actionsDollars: priceOfActions(actions * MILLION),
    historyGb,
    activeDollars: historyGb * HOURS_IN_MONTH * CLOUD_PRICES.activeGbHour,
    retainedDollars: historyGb * HOURS_IN_MONTH * CLOUD_PRICES.retainedGbHour,
  };
}

/** Three figures that mean something. */
function rounded(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}
