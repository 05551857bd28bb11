import { useSdkLog } from '../support/sdk-log';
import { timeSkippingServer } from '../support/temporal';
import { liveAYear, MOST_EVENTS, yearTable } from './year/year';

/** `npm run test:year` has 200. */
const LINKS = 6;

useSdkLog();

it('links live a year of jobs, repairs, lost webhooks, key rotation and deployments, and lose nothing', async () => {
  const server = await timeSkippingServer();
  try {
    const year = await liveAYear({
      ...{ address: server.address, links: LINKS, mostEvents: MOST_EVENTS },
      log: () => undefined,
    });
    process.stderr.write(`${yearTable(year)}\n`);
    expect(year.months).toHaveLength(12);
    // A new run at least every 30 days.
    expect(year.runs).toBeGreaterThanOrEqual(11 * LINKS);
    expect(year.replayed).toBe(year.runs);
  } finally {
    await server.stop();
  }
}, 900_000);
