import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { type Duration, msToNumber, msToTs } from '@temporalio/common/lib/time';
import { type LogEntry, NativeConnection } from '@temporalio/worker';
import type { LinkView } from '../../../src/contract/schemas';
import { type HistoryEvent, historiesOf } from '../../long-life/support/run-chain';
import {
  type Connections,
  getLink,
  type Handle,
  type LinkWorld,
  startLinkWorld,
  type WorldOptions,
} from '../../support/link-world';
import { useSdkLog } from '../../support/sdk-log';
import { connectTo, realServer, timeSkippingServer } from '../../support/temporal';
import { connectToSkipTime } from '../../support/time-skipping-server';
import { within } from '../../support/within';
import { CallLog } from './call-log';
import { tiedTimers } from './tied-timers';

export interface Server {
  readonly connections: Connections;
  /** What workers and workflows of this file logged. */
  readonly logs: readonly LogEntry[];
  /** Lets time pass, in workflow time. */
  pass(duration: Duration): Promise<void>;
  /** Lets time pass, in growing steps, until the run has closed. */
  closed(handle: Handle): Promise<void>;
  /** Fails where a run might have hung for {@link tiedTimers}. */
  checkTimers?(histories: readonly HistoryEvent[][]): void;
}

/** A run that has not closed after twice this time never will. */
const LONGEST_STEP_MS = 64 * 24 * 3_600_000;

/** A time-skipping server for the tests of one file. No run may close there while an activity of it is under way. */
export function useTimeSkippingServer(): Server {
  return useServer({
    start: timeSkippingServer,
    connect: connectToSkipTime,
    time: (connection) => {
      const pass: Server['pass'] = async (duration) => {
        await connection().testService?.unlockTimeSkippingWithSleep({ duration: msToTs(duration) });
      };
      return {
        pass,
        async closed(handle) {
          for (let stepMs = 1_000; stepMs < LONGEST_STEP_MS; stepMs *= 2) {
            if (!(await isOpen(handle))) return;
            await pass(stepMs);
          }
          throw new Error(`The run does not end: ${JSON.stringify(await getLink(handle))}`);
        },
        checkTimers: (histories) => expect(histories.flatMap(tiedTimers)).toEqual([]),
      };
    },
  });
}

/** The real server, where time takes its time. */
export function useRealServer(): Server {
  return useServer({
    start: realServer,
    connect: connectTo,
    time: () => ({
      pass: (duration) => delay(msToNumber(duration)),
      closed: (handle) =>
        handle.result().then(
          () => undefined,
          () => undefined,
        ),
    }),
  });
}

function useServer(how: {
  start(): Promise<{ address: string; stop?: () => Promise<void> }>;
  connect(address: string): Promise<Connection>;
  time(connection: () => Connection): Pick<Server, 'pass' | 'closed' | 'checkTimers'>;
}): Server {
  const logs = useLogs();
  let stop: (() => Promise<void>) | undefined;
  let connections: Connections | undefined;
  beforeAll(async () => {
    const server = await how.start();
    stop = server.stop;
    const { address } = server;
    const connection = await how.connect(address);
    connections = { connection, nativeConnection: await NativeConnection.connect({ address }) };
  }, 180_000);
  afterAll(async () => {
    await connections?.nativeConnection.close();
    await connections?.connection.close();
    await stop?.();
  });
  return {
    logs,
    get connections() {
      return started(connections);
    },
    ...how.time(() => started(connections).connection),
  };
}

function useLogs(): readonly LogEntry[] {
  const logs: LogEntry[] = [];
  useSdkLog('INFO', (entry) => logs.push(entry));
  return logs;
}

function started<T>(server: T | undefined): T {
  if (server === undefined) throw new Error('The server is there once beforeAll has run.');
  return server;
}

export type Started = Awaited<ReturnType<LinkWorld['start']>>;

export interface LinkScene {
  readonly world: LinkWorld;
  readonly calls: CallLog;
  /** Starts a link, which is ended after the test where the test has not done so. */
  start: LinkWorld['start'];
  /** Lets time pass, in workflow time: timers and retries in it come due. Nothing may be held meanwhile. */
  pass: Server['pass'];
  closed: Server['closed'];
  /** Lets time pass, by `step`, until the view satisfies the predicate. */
  viewLater(handle: Handle, predicate: (view: LinkView) => boolean, step?: Duration): Promise<LinkView>;
}

/** A worker with the real activities and simulators, for the tests of one `describe`. */
export function useLinkWorld(server: Server, options: WorldOptions = {}): LinkScene {
  let world: LinkWorld | undefined;
  let calls: CallLog | undefined;
  const open: Handle[] = [];
  const bounded = (what: string, promise: Promise<void>) =>
    within(what, promise, { state: () => stateOf(open) });
  const pass: Server['pass'] = (duration) =>
    bounded(`${duration} of the server's clock`, server.pass(duration));
  const closed: Server['closed'] = (handle) => bounded('the end of the run', server.closed(handle));

  const present = (): LinkWorld => {
    if (!world) throw new Error('The world is there once beforeAll has run.');
    return world;
  };

  beforeAll(async () => {
    world = await startLinkWorld({ connections: server.connections, ...options });
    calls = new CallLog(world);
  });

  afterEach(async () => {
    const { plaid, atomic } = present();
    plaid.faults.clear();
    atomic.faults.clear();
    // A link left open would be carried along by whoever lets time run next.
    for (const handle of open) {
      if (!(await isOpen(handle))) continue;
      await handle.cancel();
      await closed(handle);
    }
    const ended = open.splice(0);
    if (!server.checkTimers) return;
    for (const handle of ended) server.checkTimers(await historiesOf(present(), handle));
  });

  afterAll(() => world?.close());

  return {
    get world() {
      return present();
    },
    get calls() {
      if (!calls) throw new Error('The call log is there once beforeAll has run.');
      return calls;
    },
    async start(request) {
      const started = await present().start(request);
      open.push(started.handle);
      return started;
    },
    pass,
    closed,
    async viewLater(handle, predicate, step = '5s') {
      for (let steps = 0; steps < 200; steps += 1) {
        const view = await getLink(handle);
        if (predicate(view)) return view;
        await pass(step);
      }
      throw new Error(`The link did not get there: ${JSON.stringify(await getLink(handle))}`);
    },
  };
}

/** What the runs wait for, for whoever has to find out why they hang. */
async function stateOf(handles: readonly Handle[]): Promise<string> {
  const states = handles.map(async (handle) => {
    const { status, raw } = await handle.describe();
    const { pendingActivities, pendingWorkflowTask } = raw;
    return `${handle.workflowId}: ${JSON.stringify({ status: status.name, pendingActivities, pendingWorkflowTask })}`;
  });
  return (await Promise.all(states)).join('\n');
}

async function isOpen(handle: Handle): Promise<boolean> {
  return (await handle.describe()).status.name === 'RUNNING';
}
