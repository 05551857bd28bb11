import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import {
  type InternalConnectionOptions,
  InternalConnectionOptionsSymbol,
} from '@temporalio/client/lib/connection';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/contract/names';
import { killOnExit } from '../../src/dev-server/child-processes';
import { claimPort } from '../../src/system/free-port';
import { closableConnection } from '../../src/temporal/connection';

const START_WITHIN_MS = 120_000;

const { IndexedValueType } = temporal.api.enums.v1;
const TYPES = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
};

/**
 * Starts the executable, with the search attributes in namespace `default`. The SDK would do that too, but gives it only
 * 5 s, which a machine under load does not keep.
 */
export async function startTimeSkippingServer(
  path: string,
): Promise<{ address: string; stop(): Promise<void> }> {
  const port = await claimPort('127.0.0.1', 0);
  const child = spawn(path, [String(port)], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  killOnExit(child);
  const address = `127.0.0.1:${port}`;
  const connection = await connectPatiently(address, () => child.exitCode === null);
  await connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTE_TYPES.map(([name, type]) => [name, TYPES[type]])),
  });
  await connection.close();
  return {
    address,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function connectPatiently(address: string, isAlive: () => boolean): Promise<Connection> {
  for (const endMs = Date.now() + START_WITHIN_MS; ; await delay(100)) {
    try {
      return await Connection.connect({ address, connectTimeout: 2_000 });
    } catch (error) {
      if (!isAlive() || Date.now() > endMs) throw error;
    }
  }
}

/** A connection that can be closed at any time, and lets the server's clock run: `connection.testService`. */
export async function connectToSkipTime(address: string): Promise<Connection> {
  const options: InternalConnectionOptions = {
    address,
    [InternalConnectionOptionsSymbol]: { supportsTestService: true },
  };
  const connection = closableConnection(options);
  await connection.ensureConnected();
  return connection;
}
