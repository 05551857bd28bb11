import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';
import type { LinkView } from '../../../src/contract/schemas';
import { getLink, type Handle, type LinkWorld, type Path, startLinkWorld } from '../../support/link-world';
import { timeSkippingEnv } from '../../support/temporal';
import { CallLog } from './call-log';

export const PATHS: readonly Path[] = ['fast', 'slow'];

export interface Server {
  readonly env: TestWorkflowEnvironment;
  /** What workers and workflows of this file logged. */
  readonly logs: readonly LogEntry[];
}

/** A time-skipping server for the tests of one file. */
export function useTimeSkippingServer(): Server {
  const logs: LogEntry[] = [];
  let env: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('INFO', (entry) => logs.push(entry)) });
    env = await timeSkippingEnv();
  });
  afterAll(() => env?.teardown());
  return {
    logs,
    get env() {
      if (!env) throw new Error('The server is there once beforeAll has run.');
      return env;
    },
  };
}

export type Started = Awaited<ReturnType<LinkWorld['start']>>;

export interface LinkScene {
  readonly path: Path;
  readonly world: LinkWorld;
  readonly calls: CallLog;
  /** Starts a link, which is ended after the test where the test has not done so. */
  start: LinkWorld['start'];
  /** Lets time pass, in workflow time: timers and retries in it come due. Nothing may be held meanwhile. */
  pass(duration: Parameters<TestWorkflowEnvironment['sleep']>[0]): Promise<void>;
  /** Lets time pass, in growing steps, until the run has closed. */
  closed(handle: Handle): Promise<void>;
  /** Lets time pass, by `step`, until the view satisfies the predicate. */
  viewLater(handle: Handle, predicate: (view: LinkView) => boolean, step?: string): Promise<LinkView>;
}

/** A run that has not closed after twice this time never will. */
const LONGEST_STEP_MS = 64 * 24 * 3_600_000;

/** A worker with the real activities and simulators, for the tests of one `describe`. */
export function useLinkWorld(
  server: Server,
  options: Omit<Parameters<typeof startLinkWorld>[0], 'connection' | 'nativeConnection'> = {},
): LinkScene {
  let world: LinkWorld | undefined;
  let calls: CallLog | undefined;
  const open: Handle[] = [];

  const present = (): LinkWorld => {
    if (!world) throw new Error('The world is there once beforeAll has run.');
    return world;
  };

  beforeAll(async () => {
    const { connection, nativeConnection } = server.env;
    world = await startLinkWorld({ connection, nativeConnection, ...options });
    calls = new CallLog(world);
  });

  afterEach(async () => {
    const { plaid, atomic } = present();
    plaid.faults.clear();
    atomic.faults.clear();
    // A link left open would be carried along by whoever lets time run next.
    for (const handle of open.splice(0)) {
      if (!(await isOpen(handle))) continue;
      await handle.cancel();
      await closed(handle);
    }
  });

  afterAll(() => world?.close());

  const pass: LinkScene['pass'] = (duration) => server.env.sleep(duration);

  async function closed(handle: Handle): Promise<void> {
    for (let stepMs = 1_000; stepMs < LONGEST_STEP_MS; stepMs *= 2) {
      if (!(await isOpen(handle))) return;
      await pass(stepMs);
    }
    throw new Error(`The run does not end: ${JSON.stringify(await getLink(handle))}`);
  }

  return {
    path: options.path ?? 'fast',
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

async function isOpen(handle: Handle): Promise<boolean> {
  return (await handle.describe()).status.name === 'RUNNING';
}
