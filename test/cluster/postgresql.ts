import { execFile, spawn } from 'node:child_process';
import { chown, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { killOnExit } from '../../src/dev-server/child-processes';
import { findOnPath, isExecutable } from '../../src/dev-server/executable-files';
import { OutputTail } from '../../src/dev-server/output-tail';
import { endWithThisProcess } from '../../src/dev-server/parent-watch';
import { claimPort } from '../../src/system/free-port';

const run = promisify(execFile);
/** Where Debian's packages put it, a folder a version. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const HOST = '127.0.0.1';
const READY_WITHIN_MS = 60_000;
const TAIL_LINES = 20;

/** `fast` ends sessions and shuts down; `crash` ends all at once, and the next start recovers from the log. */
export type StopMode = 'fast' | 'crash';

export interface PostgreSql {
  host: string;
  port: number;
  pid(): number;
  /** Bytes of a database on disk. */
  sizeOf(database: string): Promise<number>;
  /** The only column of the only row. */
  query(database: string, sql: string): Promise<string>;
  restart(mode: StopMode): Promise<void>;
  stop(mode?: StopMode): Promise<void>;
}

export interface PostgreSqlOptions {
  /** For the data; made here. */
  folder: string;
  user: string;
  password: string;
  /** Further arguments of `postgres`. */
  args: readonly string[];
  log: (line: string) => void;
}

/**
 * Starts a PostgreSQL of its own: data in a folder of its own, on a free port of the loopback. Under root it runs as the user
 * `postgres`, since it refuses to run as root.
 */
export async function startPostgreSql(options: PostgreSqlOptions): Promise<PostgreSql> {
  const { folder, user, password } = options;
  const bin = await findBin(options.log);
  const owner = process.getuid?.() === 0 ? await idsOf('postgres') : undefined;
  const port = await claimPort(HOST, 0);
  const data = path.join(folder, 'data');
  const passwordFile = path.join(folder, 'password');
  await mkdir(folder, { recursive: true });
  await writeFile(passwordFile, password, { mode: 0o600 });
  for (const one of owner ? [folder, passwordFile] : []) await chown(one, owner?.uid ?? 0, owner?.gid ?? 0);
  await run(
    path.join(bin, 'initdb'),
    ['--pgdata', data, '--username', user, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    { ...owner, cwd: folder },
  );

  const tail = new OutputTail();
  let server = launch();

  function launch() {
    const args = ['-D', data, '-p', String(port), '-h', HOST, '-k', folder, ...options.args];
    const child = spawn(path.join(bin, 'postgres'), args, {
      ...owner,
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    killOnExit(child);
    endWithThisProcess(child);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => tail.add(chunk));
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return { child, exited };
  }

  const environment = { PATH: process.env.PATH ?? '', PGPASSWORD: password };
  const where = ['--host', HOST, '--port', String(port), '--username', user];
  const psql = async (database: string, sql: string) => {
    const args = [
      ...where,
      '--no-psqlrc',
      '--tuples-only',
      '--no-align',
      '--dbname',
      database,
      '--command',
      sql,
    ];
    return (await run(path.join(bin, 'psql'), args, { env: environment })).stdout.trim();
  };

  async function ready(): Promise<void> {
    for (const endMs = Date.now() + READY_WITHIN_MS; ; await sleep(50)) {
      try {
        await psql('postgres', 'SELECT 1');
        return;
      } catch (error) {
        const { exitCode, signalCode } = server.child;
        if (Date.now() < endMs && exitCode === null && signalCode === null) continue;
        throw new Error(`PostgreSQL is not ready:\n${tail.last(TAIL_LINES)}`, { cause: error });
      }
    }
  }

  async function stop(mode: StopMode = 'fast'): Promise<void> {
    server.child.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await server.exited;
  }

  await ready();
  return {
    host: HOST,
    port,
    pid: () => server.child.pid ?? 0,
    sizeOf: async (database) => Number(await psql('postgres', `SELECT pg_database_size('${database}')`)),
    query: psql,
    async restart(mode) {
      await stop(mode);
      server = launch();
      await ready();
    },
    stop,
  };
}

/** The folder of PostgreSQL's executables, the newest there is. Installs Debian's package where there is none. */
async function findBin(log: (line: string) => void): Promise<string> {
  const found = await installedBin();
  if (found !== undefined) return found;
  log('Installing PostgreSQL: apt-get install postgresql');
  const root = process.getuid?.() === 0 ? [] : ['sudo'];
  const packages = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', 'postgresql'];
  for (const command of [['apt-get', 'update', '--quiet'], packages]) {
    const [program = '', ...args] = [...root, ...command];
    await run(program, args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const installed = await installedBin();
  if (installed === undefined) throw new Error('PostgreSQL is not there, though its package was installed.');
  return installed;
}

/** The folder of PostgreSQL's executables, where there are any. */
export async function installedBin(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN_FOLDER).catch(() => []);
  for (const version of versions.sort((one, other) => Number(other) - Number(one))) {
    const bin = path.join(DEBIAN_FOLDER, version, 'bin');
    if (await isExecutable(path.join(bin, 'initdb'))) return bin;
  }
  const onPath = await findOnPath('initdb', process.env.PATH ?? '');
  return onPath && path.dirname(onPath);
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, user])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}
