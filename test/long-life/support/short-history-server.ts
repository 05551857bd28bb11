import { SEARCH_ATTRIBUTE_TYPES } from '../../../src/contract/names';
import { startDevServer } from '../../../src/dev-server/dev-server';
import { temporalCli } from '../../support/temporal';

/** A real server that suggests to continue as new after so many events, in the middle of what a test does. */
export async function startShortHistoryServer(
  events: number,
): Promise<{ address: string; stop(): Promise<void> }> {
  const { address, stop } = await startDevServer({
    cliPath: await temporalCli(),
    searchAttributes: SEARCH_ATTRIBUTE_TYPES,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': String(events) },
  });
  return { address, stop };
}
