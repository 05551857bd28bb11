import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { killOnExit } from '../../src/dev-server/child-processes';
import { OutputTail } from '../../src/dev-server/output-tail';
import { endWithThisProcess } from '../../src/dev-server/parent-watch';
import { claimPort } from '../../src/system/free-port';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 180_000;
const STOP_WITHIN_MS = 30_000;
const RESTART_AFTER_MS = 500;
const MOST_CRASHES_AT_START = 10;
const LOW_PORTS = { from: 15_000, to: 32_000 };
const TAIL_LINES = 30;
/** By what the server's own configuration calls them. */
const PORTS = [
  'FRONTEND_GRPC_PORT',
  'FRONTEND_HTTP_PORT',
  'FRONTEND_MEMBERSHIP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
];

export interface TemporalNodeOptions {
  /** The executable. */
  server: string;
  folder: string;
  environment: Readonly<Record<string, string>>;
}

/**
 * One process of a Temporal server, with all its services. It is started again when it ends unasked, as the compose file's
 * `restart: unless-stopped` does.
 */
export class TemporalNode {
  readonly address: string;
  readonly metricsUrl: string;
  /** How often it ended unasked. */
  crashes = 0;
  #options: TemporalNodeOptions;
  readonly #ports: Readonly<Record<string, string>>;
  readonly #tail = new OutputTail();
  #life:
    | { pid: number; kill(signal: NodeJS.Signals): void; exited: Promise<void>; asked: boolean }
    | undefined;

  private constructor(
    options: TemporalNodeOptions,
    ports: Readonly<Record<string, string>>,
    metricsPort: number,
  ) {
    this.#options = options;
    this.#ports = { ...ports, PROMETHEUS_ENDPOINT: `${HOST}:${metricsPort}` };
    this.address = `${HOST}:${ports.FRONTEND_GRPC_PORT}`;
    this.metricsUrl = `http://${HOST}:${metricsPort}/metrics`;
  }

  /** On free ports, not started yet. */
  static async on(options: TemporalNodeOptions): Promise<TemporalNode> {
    const ports: Record<string, string> = {};
    for (const name of PORTS) ports[name] = String(await lowPort(Object.values(ports)));
    return new TemporalNode(options, ports, await claimPort(HOST, 0));
  }

  get pid(): number {
    return this.#life?.pid ?? 0;
  }

  /** The end of what it has written. */
  get lastWords(): string {
    return this.#tail.last(TAIL_LINES);
  }

  /** Starts it and waits until it answers. `server` is another executable from here on. */
  async start(server?: string): Promise<void> {
    if (server !== undefined) this.#options = { ...this.#options, server };
    this.#launch();
    await this.ready();
  }

  async ready(): Promise<void> {
    const crashesBefore = this.crashes;
    const connection = Connection.lazy({ address: this.address, connectTimeout: 2_000 });
    try {
      for (const endMs = Date.now() + READY_WITHIN_MS; ; await sleep(100)) {
        try {
          await connection.withDeadline(Date.now() + 2_000, () =>
            connection.healthService.check({ service: 'temporal.api.workflowservice.v1.WorkflowService' }),
          );
          return;
        } catch (error) {
          if (Date.now() < endMs && this.crashes < MOST_CRASHES_AT_START + crashesBefore) continue;
          throw new Error(`Temporal is not ready:\n${this.lastWords}`, { cause: error });
        }
      }
    } finally {
      await connection.close();
    }
  }

  #launch(): void {
    const child = spawn(this.#options.server, ['start'], {
      cwd: this.#options.folder,
      env: { PATH: process.env.PATH, ...this.#options.environment, ...this.#ports },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    killOnExit(child);
    endWithThisProcess(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => this.#tail.add(chunk));
    }
    const life = {
      pid: child.pid ?? 0,
      kill: (signal: NodeJS.Signals) => void child.kill(signal),
      exited: new Promise<void>((resolve) => child.once('close', () => resolve())),
      asked: false,
    };
    this.#life = life;
    void life.exited.then(async () => {
      if (life.asked) return;
      this.crashes += 1;
      await sleep(RESTART_AFTER_MS);
      if (!life.asked) this.#launch();
    });
  }

  async stop(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    life.asked = true;
    life.kill('SIGTERM');
    const late = setTimeout(() => life.kill('SIGKILL'), STOP_WITHIN_MS);
    await life.exited;
    clearTimeout(late);
  }
}

/** A free port that Temporal can keep in its database: in PostgreSQL it takes none above 32,767. */
async function lowPort(taken: readonly string[]): Promise<number> {
  for (;;) {
    const port = randomInt(LOW_PORTS.from, LOW_PORTS.to);
    if (taken.includes(String(port))) continue;
    const free = await claimPort(HOST, port).catch(() => undefined);
    if (free !== undefined) return free;
  }
}
