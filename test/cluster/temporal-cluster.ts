import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { waitUntilReady } from '../../src/dev-server/readiness';
import { findTemporalCli } from '../../src/dev-server/temporal-cli';
import { temporalSearch } from '../support/temporal-binaries';
import { Balancer } from './balancer';
import { readComposeFile } from './compose-file';
import { type PostgreSql, startPostgreSql } from './postgresql';
import type { TemporalBuild } from './temporal-build';
import { TemporalNode } from './temporal-node';

const run = promisify(execFile);
/** What a Temporal node may hold of PostgreSQL's connections, all its services together. */
const CONNECTIONS_PER_NODE = 100;
const SCRIPT_TIMEOUT_MS = 180_000;
/** The one that the compose file registers. */
const NAMESPACE = 'default';

export interface TemporalCluster {
  /** Of a balancer before all nodes. */
  address: string;
  namespace: string;
  version: string;
  postgresql: PostgreSql;
  nodes: readonly TemporalNode[];
  /** As `docker compose up` does with a newer image: everything stops, the schema is updated, everything starts. */
  upgrade(build: TemporalBuild): Promise<void>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  nodes: number;
  build: TemporalBuild;
  /** YAML, after the compose file's own. */
  dynamicConfig?: string;
  /** Whether what PostgreSQL has committed outlives a crash of the machine. Default true; without it, it is faster. */
  durable?: boolean;
  log: (line: string) => void;
}

/** The Temporal version that docker-compose.yml runs. */
export function composeVersion(): string {
  return readComposeFile({ POSTGRES_PASSWORD: '' }).temporalVersion;
}

/**
 * PostgreSQL and a Temporal server of several nodes on this machine, set up by the commands and settings of
 * docker-compose.yml. Only addresses and ports are others.
 */
export async function startTemporalCluster({
  nodes: count,
  build,
  dynamicConfig: moreDynamicConfig = '',
  durable = true,
  log,
}: ClusterOptions): Promise<TemporalCluster> {
  const password = randomBytes(12).toString('hex');
  const compose = readComposeFile({ POSTGRES_PASSWORD: password });
  const folder = await mkdtemp(path.join(tmpdir(), 'processor-link-cluster-'));
  // PostgreSQL may be another user.
  await chmod(folder, 0o755);
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const end of undo.splice(0).reverse()) await end();
  };
  try {
    const { POSTGRES_USER: user = 'postgres' } = compose.postgresql.environment;
    const postgresql = await startPostgreSql({
      ...{ folder: path.join(folder, 'postgresql'), user, password, log },
      // `command` of the image begins with the program's own name.
      args: [
        ...compose.postgresql.command.slice(1),
        // PostgreSQL's default of 100 is for one node; a node that is restarted adds to what the others hold.
        ...['-c', `max_connections=${CONNECTIONS_PER_NODE * (count + 1)}`],
        ...(durable ? [] : ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off']),
      ],
    });
    undo.push(() => postgresql.stop());
    log(`PostgreSQL listens on ${postgresql.host}:${postgresql.port}.`);

    const tools = path.join(folder, 'tools');
    await mkdir(tools);
    await symlink(await findTemporalCli(temporalSearch()), path.join(tools, 'temporal'));
    const runScript = async ([shell = '', ...args]: readonly string[], env: Record<string, string>) => {
      const PATH = `${tools}${path.delimiter}${process.env.PATH ?? ''}`;
      await run(shell, args, { env: { PATH, HOME: folder, ...env }, timeout: SCRIPT_TIMEOUT_MS });
    };
    const updateSchema = async ({ sqlTool }: TemporalBuild) => {
      const tool = path.join(tools, 'temporal-sql-tool');
      await rm(tool, { force: true });
      await symlink(sqlTool, tool);
      const { command, environment } = compose.temporalSchema;
      await runScript(command, {
        ...environment,
        SQL_HOST: postgresql.host,
        SQL_PORT: String(postgresql.port),
      });
    };
    await updateSchema(build);
    log(`The schema of Temporal ${build.version} is there.`);

    const dynamicConfig = path.join(folder, 'dynamic-config.yaml');
    await writeFile(dynamicConfig, `${compose.dynamicConfig}\n${moreDynamicConfig}`);
    const environment = {
      ...compose.temporal.environment,
      DB_PORT: String(postgresql.port),
      POSTGRES_SEEDS: postgresql.host,
      BIND_ON_IP: '127.0.0.1',
      TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
      DYNAMIC_CONFIG_FILE_PATH: dynamicConfig,
    };
    const nodes: TemporalNode[] = [];
    for (let index = 0; index < count; index++) {
      nodes.push(await TemporalNode.on({ server: build.server, folder, environment }));
    }
    undo.push(() => Promise.all(nodes.map((node) => node.stop())));
    await Promise.all(nodes.map((node) => node.start()));
    const balancer = await Balancer.before(
      nodes.map(({ address }) => ({ host: '127.0.0.1', port: Number(address.split(':')[1]) })),
    );
    undo.push(() => balancer.close());

    const { command, environment: ofNamespace } = compose.temporalNamespace;
    await runScript(command, { ...ofNamespace, TEMPORAL_ADDRESS: balancer.address });
    // A namespace is there a moment after it was registered.
    await waitUntilReady({
      ...{ address: balancer.address, namespace: NAMESPACE, searchAttributes: [] },
      ...{ timeoutMs: SCRIPT_TIMEOUT_MS, signal: new AbortController().signal },
    });
    log(`Temporal ${build.version} has ${count} nodes behind ${balancer.address}.`);

    const cluster: TemporalCluster = {
      address: balancer.address,
      namespace: NAMESPACE,
      version: build.version,
      postgresql,
      nodes,
      async upgrade(next) {
        await Promise.all(nodes.map((node) => node.stop()));
        await updateSchema(next);
        await Promise.all(nodes.map((node) => node.start(next.server)));
        cluster.version = next.version;
      },
      close,
    };
    return cluster;
  } catch (error) {
    await close();
    throw error;
  }
}
