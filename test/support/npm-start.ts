import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { claimPort } from '../../src/system/free-port';
import { type Ended, ended } from './ended';
import { temporalServer } from './temporal';

const PROJECT = path.resolve(__dirname, '../..');

/** `npm start` in a folder of its own, and other commands in the same one. */
export class NpmStart {
  readonly folder: string;
  readonly url: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #exited: Promise<Ended> | undefined;
  #printed = '';

  static async make(): Promise<NpmStart> {
    // It finds the same.
    await temporalServer();
    const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-start-'));
    return new NpmStart(folder, await claimPort('127.0.0.1', 0));
  }

  private constructor(folder: string, port: number) {
    const { PATH = '', HOME = '', XDG_CACHE_HOME } = process.env;
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = {
      PATH,
      HOME,
      ...(XDG_CACHE_HOME && { XDG_CACHE_HOME }),
      PORT: String(port),
      CODEC_PORT: '0',
      LOG_LEVEL: 'warn',
    };
  }

  /** Runs a command to its end. */
  run(command: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Ended> {
    return ended(this.#spawn(command, args, env));
  }

  /** Runs another program in the same folder, to its end. */
  async runProgram(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    const { PATH = '', ...rest } = this.#env;
    return ended(
      spawn(file, args, {
        cwd: this.folder,
        env: { ...rest, PATH: `${path.dirname(process.execPath)}:${PATH}`, ...env },
      }),
    );
  }

  /** Resolves once it takes requests. */
  async start(): Promise<void> {
    const child = this.#spawn('start', [], {});
    const exited = ended(child);
    this.#child = child;
    this.#exited = exited;
    this.#printed = '';
    const ready = new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        this.#printed += chunk.toString();
        if (this.#printed.includes('Try it:')) resolve();
      });
    });
    const early = exited.then(({ output }) => {
      throw new Error(`npm start ended before it was ready: ${output}`);
    });
    await Promise.race([ready, early]);
    early.catch(() => undefined);
  }

  /** What the one that runs has printed so far. */
  get printed(): string {
    return this.#printed;
  }

  /** Resolves with all that it has printed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended | undefined> {
    this.#child?.kill(signal);
    return this.#exited;
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  async api(method: string, url: string, body?: object): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.url}${url}`, {
      method,
      headers: {
        authorization: 'Bearer dev-key-for-this-machine',
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  #spawn(command: string, args: readonly string[], env: Record<string, string>): ChildProcess {
    const file = path.join(PROJECT, 'src/commands', `${command}.ts`);
    return spawn(process.execPath, ['--import', require.resolve('tsx'), file, ...args], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
    });
  }
}
