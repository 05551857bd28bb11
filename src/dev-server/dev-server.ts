import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { claimPort } from '../system/free-port';
import { killOnExit } from './child-processes';
import { OutputTail } from './output-tail';
import { endWithThisProcess } from './parent-watch';
import { waitUntilReady } from './readiness';

const TAIL_LINES = 20;
const DEFAULT_START_TIMEOUT_MS = 30_000;
const DEFAULT_STOP_GRACE_MS = 10_000;

export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface DevServerOptions {
  /** See `findTemporalServer`. */
  serverPath: string;
  /** SQLite file that outlives the server; without it everything is kept in memory. Its folder is made. */
  dbFile?: string;
  /** Address to listen on, loopback unless told: the dev server has no authentication. */
  ip?: string;
  /** Port of gRPC; 0, the default, takes a free one. */
  port?: number;
  /** Port of the Web UI; 0 takes a free one. Without it there is no UI. */
  uiPort?: number;
  /** Port of its Prometheus metrics, at `/metrics`; 0 takes a free one. Without it there are none. */
  metricsPort?: number;
  /** URL of a codec server that the UI decodes payloads with, asked by the reader's browser. */
  codecEndpoint?: string;
  namespace?: string;
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Registered at the start; those that the file has already are left alone. */
  searchAttributes?: readonly (readonly [name: string, type: SearchAttributeType])[];
  /** Values of the server's dynamic configuration, by key. */
  dynamicConfig?: Readonly<Record<string, string>>;
  /** The server's output is appended to this file. Its folder is made. */
  logFile?: string;
  startTimeoutMs?: number;
  /** From SIGTERM to SIGKILL. */
  stopGraceMs?: number;
}

export interface DevServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Whether `stop` was called before. */
  asked: boolean;
  /** The end of the server's output. */
  logTail: string;
}

export interface DevServer {
  /** `host:port` of gRPC. */
  address: string;
  namespace: string;
  uiUrl?: string;
  metricsUrl?: string;
  pid: number;
  /** Settles once the server process is gone, for whatever reason. Never rejects. */
  exited: Promise<DevServerExit>;
  /** Ends the server and waits until it is gone. Safe to call again. */
  stop(): Promise<void>;
}

interface Ports {
  port: number;
  uiPort: number | undefined;
  metricsPort: number | undefined;
}

/**
 * Starts a dev server and resolves once workflows can be started on it. Throws with the end of the
 * server's output when it exits or is not ready in time, and when a port that was asked for is taken.
 *
 * The server is in a process group of its own, so that Ctrl-C in a terminal does not take it from workers that are still
 * draining. It ends with this process all the same, even when that is killed.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const ip = options.ip ?? '127.0.0.1';
  const ports = {
    port: await claimPort(ip, options.port ?? 0),
    uiPort: options.uiPort === undefined ? undefined : await claimPort(ip, options.uiPort),
    metricsPort: options.metricsPort === undefined ? undefined : await claimPort(ip, options.metricsPort),
  };
  for (const file of [options.dbFile, options.logFile]) {
    if (file !== undefined) await mkdir(dirname(file), { recursive: true });
  }
  const namespace = options.namespace ?? 'default';
  const child = spawn(options.serverPath, startDevArguments(options, ip, namespace, ports), {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const tail = new OutputTail();
  const logFile =
    options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
  // A full disk must not end the process that the server belongs to.
  logFile?.on('error', (error) => tail.add(`${error.message}\n`));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      tail.add(chunk);
      logFile?.write(chunk);
    });
  }

  let asked = false;
  const exited = new Promise<DevServerExit>((resolve) => {
    const settle = (code: number | null, signal: NodeJS.Signals | null) => {
      logFile?.end();
      resolve({ code, signal, asked, logTail: tail.last(TAIL_LINES) });
    };
    child.once('error', (error) => {
      tail.add(`${error.message}\n`);
      if (child.pid === undefined) settle(null, null);
    });
    child.once('close', settle);
  });
  if (child.pid === undefined) {
    throw new Error(`The Temporal dev server could not be started: ${(await exited).logTail}`);
  }
  killOnExit(child);
  endWithThisProcess(child);

  const stop = async () => {
    asked = true;
    await endProcess(child, exited, options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS);
  };
  const address = `${hostOf(ip)}:${ports.port}`;
  const giveUp = new AbortController();
  try {
    const ready = waitUntilReady({
      address,
      namespace,
      searchAttributes: (options.searchAttributes ?? []).map(([name]) => name),
      timeoutMs: options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS,
      signal: giveUp.signal,
    });
    // If the exit wins, nothing else handles the outcome of the wait.
    ready.catch(() => undefined);
    await Promise.race([
      ready,
      exited.then(({ code, signal }) => {
        throw new Error(`it ended at once (${signal ?? `exit ${code}`})`);
      }),
    ]);
  } catch (error) {
    giveUp.abort();
    await stop();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The Temporal dev server did not start: ${reason}\n${(await exited).logTail}`.trimEnd());
  }
  return {
    address,
    namespace,
    ...(ports.uiPort === undefined ? {} : { uiUrl: `http://${hostOf(ip)}:${ports.uiPort}` }),
    ...(ports.metricsPort !== undefined && {
      metricsUrl: `http://${hostOf(ip)}:${ports.metricsPort}/metrics`,
    }),
    pid: child.pid,
    exited,
    stop,
  };
}

function hostOf(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function startDevArguments(options: DevServerOptions, ip: string, namespace: string, ports: Ports): string[] {
  const { dbFile, codecEndpoint } = options;
  const ui = ports.uiPort === undefined ? ['--headless'] : ['--ui-port', String(ports.uiPort)];
  const pace = [
    // Its one history shard otherwise adds up to 50 ms to every task.
    'history.transferProcessorMaxPollRPS=2000',
    // A step begins with the workflow task that asks for it, without a way through the task queue.
    'system.enableActivityEagerExecution=true',
    // A Temporal CLI's own default reads the search attributes from the database at every upsert.
    'system.forceSearchAttributesCacheRefreshOnRead=false',
    // A closed run is deleted once the server has noted that its close was carried out, which it does every 30 s.
    'history.transferProcessorUpdateAckInterval="1s"',
    'history.visibilityProcessorUpdateAckInterval="1s"',
  ].flatMap((value) => ['--dynamic-config-value', value]);
  // SQLite's own defaults wait for the disk at every step: 5 links a second.
  const pragmas = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'];
  return [
    ...['server', 'start-dev', '--ip', ip, '--port', String(ports.port)],
    ...['--namespace', namespace, '--log-level', options.logLevel ?? 'warn', '--color', 'never'],
    ...ui,
    ...(ports.metricsPort === undefined ? [] : ['--metrics-port', String(ports.metricsPort)]),
    ...pace,
    ...(dbFile === undefined ? [] : ['--db-filename', dbFile, ...pragmas]),
    ...(options.searchAttributes ?? []).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ...Object.entries(options.dynamicConfig ?? {}).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${value}`,
    ]),
    ...(codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', codecEndpoint]),
  ];
}

async function endProcess(child: ChildProcess, exited: Promise<unknown>, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    await exited;
    return;
  }
  child.kill('SIGTERM');
  const timer = new AbortController();
  const late = delay(graceMs, 'late' as const, { signal: timer.signal }).catch(() => 'over' as const);
  if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
  timer.abort();
  await exited;
}
