/**
 * `npm run test:year`: so many links live a year in minutes, on the time-skipping server. Prints a table, a row a month; exits 1
 * when anything is lost. Options:
 *
 *   --links <n>    200
 */
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { findTestServer } from '../../../src/dev-server/test-server';
import { temporalSearch } from '../../support/temporal-binaries';
import { startTimeSkippingServer } from '../../support/time-skipping-server';
import { liveAYear, MOST_EVENTS, yearTable } from './year';

const { values: options } = parseArgs({ options: { links: { type: 'string', default: '200' } } });

async function main(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const server = await startTimeSkippingServer(await findTestServer(temporalSearch()));
  try {
    const year = await liveAYear({
      address: server.address,
      links: Number(options.links),
      mostEvents: MOST_EVENTS,
      log: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${yearTable(year)}\n`);
  } finally {
    await server.stop();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
