import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killOnExit } from '../../src/dev-server/child-processes';
import { endWithThisProcess } from '../../src/dev-server/parent-watch';

export type ServiceName = 'api' | 'worker' | 'codec';
export type Environment = Readonly<Record<string, string>>;

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 40_000;

/** One process of the service, from the build: started, killed and started again on the same port. */
export class ServiceProcess {
  readonly name: ServiceName;
  readonly url: string;
  readonly #entryPoint: string;
  readonly #folder: string;
  readonly #probe: string;
  #env: Environment;
  #child: ChildProcess | undefined;
  #exited: Promise<ProcessExit> = Promise.resolve({ code: 0, signal: null });
  #output = '';

  /** `folder` is the working directory, where `.env` is looked for. */
  constructor(options: { name: ServiceName; build: string; folder: string; url: string; env: Environment }) {
    this.name = options.name;
    this.url = options.url;
    this.#entryPoint = path.join(options.build, 'src/commands', `${options.name}.js`);
    this.#folder = options.folder;
    this.#probe = options.name === 'codec' ? '/livez' : '/readyz';
    this.#env = options.env;
  }

  /** Everything it has written to standard output and error, over all its lives. */
  get output(): string {
    return this.#output;
  }

  /** Its log, parsed; lines that are no JSON are left out. */
  get logLines(): Record<string, unknown>[] {
    const lines = this.#output.split('\n').filter((line) => line.startsWith('{'));
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }

  /** Of its present life; undefined before the first. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get exited(): Promise<ProcessExit> {
    return this.#exited;
  }

  /** Starts it without waiting for anything. `env` is added to the settings, for this life and those after. */
  launch(env: Environment = {}): void {
    this.#env = { ...this.#env, ...env };
    const child = spawn(process.execPath, ['--enable-source-maps', this.#entryPoint], {
      cwd: this.#folder,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    killOnExit(child);
    endWithThisProcess(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    }
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Starts it and waits until it says that it is ready. */
  async start(env: Environment = {}): Promise<void> {
    this.launch(env);
    await this.ready();
  }

  /** Resolves once the probe answers 200; rejects when the process ends before, with what it wrote. */
  async ready(): Promise<void> {
    let ended: ProcessExit | undefined;
    void this.#exited.then((exit) => {
      ended = exit;
    });
    const endMs = Date.now() + READY_WITHIN_MS;
    while (!(await this.#isReady())) {
      if (ended !== undefined) throw new Error(`${this.name} has ended:\n${tailOf(this.#output)}`);
      if (Date.now() > endMs) throw new Error(`${this.name} did not become ready:\n${tailOf(this.#output)}`);
      await sleep(50);
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}${this.#probe}`, { signal: AbortSignal.timeout(6_000) });
      await answer.arrayBuffer();
      return answer.status === 200;
    } catch {
      return false;
    }
  }

  /** Resolves once the text stands in what it has written. */
  async logged(text: string): Promise<void> {
    const endMs = Date.now() + READY_WITHIN_MS;
    while (!this.#output.includes(text)) {
      if (Date.now() > endMs) throw new Error(`${this.name} did not log "${text}":\n${tailOf(this.#output)}`);
      await sleep(50);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Sends the signal and waits until the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ProcessExit> {
    this.signal(signal);
    return this.#exited;
  }

  /** Asks it to end, and insists after {@link STOP_WITHIN_MS}. */
  async stop(): Promise<ProcessExit> {
    const late = setTimeout(() => this.signal('SIGKILL'), STOP_WITHIN_MS);
    try {
      return await this.kill('SIGTERM');
    } finally {
      clearTimeout(late);
    }
  }
}

function tailOf(text: string): string {
  return text.split('\n').slice(-30).join('\n');
}
