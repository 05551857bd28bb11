import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, WorkflowHandle } from '@temporalio/client';
import { type Duration, msToNumber, msToTs } from '@temporalio/common/lib/time';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { startDevServer } from '../../src/dev-server/dev-server';
import { connectTemporal, DEFAULT_NAMESPACE } from '../../src/temporal/connection';
import { realServer, temporalServer, timeSkippingServer } from './temporal';
import { connectToSkipTime } from './time-skipping-server';

export interface PlaceOptions {
  /** Of a server that is there. Default: the real one that all tests of a run share. */
  address?: string;
  namespace?: string;
  /** Time can be skipped: on a server of its own, unless `address` is that of one. No run may close there while a step of it is under way. */
  skipsTime?: boolean;
  /** A real server of its own, which suggests to continue as new after so many events. */
  historyEvents?: number;
}

/** A namespace of a Temporal server, and its clock. */
export interface TemporalPlace {
  address: string;
  namespace: string;
  connection: Connection;
  skipsTime: boolean;
  /** Lets time pass, in workflow time. */
  pass(duration: Duration): Promise<void>;
  /** Resolves once the run has closed; where time can be skipped, it passes in growing steps until then. */
  closed(handle: WorkflowHandle): Promise<void>;
  close(): Promise<void>;
}

/** After twice this time, a run has nothing left to wait for. */
const LONGEST_STEP_MS = 64 * 24 * 3_600_000;

export async function openPlace(options: PlaceOptions = {}): Promise<TemporalPlace> {
  const { namespace = DEFAULT_NAMESPACE, skipsTime = false } = options;
  const { address, stop } = await serverOf(options);
  const connection = skipsTime
    ? await connectToSkipTime(address)
    : await connectTemporal({ connectConfig: { connectionOptions: { address } }, lazy: true });
  const pass: TemporalPlace['pass'] = async (duration) => {
    if (skipsTime) await connection.testService?.unlockTimeSkippingWithSleep({ duration: msToTs(duration) });
    else await delay(msToNumber(duration));
  };
  return {
    address,
    namespace,
    connection,
    skipsTime,
    pass,
    async closed(handle) {
      if (!skipsTime) return handle.result().catch(() => undefined);
      for (let stepMs = 1_000; stepMs < LONGEST_STEP_MS; stepMs *= 2) {
        if ((await handle.describe()).status.name !== 'RUNNING') return;
        await pass(stepMs);
      }
      // Time enough has passed for any run: what is left is the worker's, on a busy machine. Its test's own limit ends this.
      await handle.result().catch(() => undefined);
    },
    async close() {
      await connection.close();
      await stop?.();
    },
  };
}

async function serverOf(options: PlaceOptions): Promise<{ address: string; stop?: () => Promise<void> }> {
  const { address, skipsTime, historyEvents } = options;
  if (address !== undefined) return { address };
  if (historyEvents !== undefined) return startShortHistoryServer(historyEvents);
  return skipsTime ? timeSkippingServer() : realServer();
}

/** A real server that suggests to continue as new after so many events, in the middle of what a test does. */
export async function startShortHistoryServer(
  events: number,
): Promise<{ address: string; stop(): Promise<void> }> {
  return startDevServer({
    serverPath: await temporalServer(),
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': String(events) },
  });
}
