/** `npm run search-attributes`: registers what links are found by, on the server of TEMPORAL_ADDRESS. */
import pino from 'pino';
import { runEntry } from '../process/run-entry';
import { StartError } from '../process/start-error';
import { commandSchema } from '../settings/schemas';
import { connectTemporal } from '../temporal/connection';
import { ensureSearchAttributes } from '../temporal/search-attributes';

void runEntry({
  name: 'search-attributes',
  readSettings: commandSchema.read,
  logLevel: 'error',
  logTo: pino.destination(2),
  async start({ settings: { temporal } }) {
    const { connectConfig, namespace } = temporal;
    const connection = await connectTemporal({ connectConfig });
    await connection.ensureConnected().catch((error: unknown) => {
      throw new StartError('Temporal could not be reached. Check TEMPORAL_ADDRESS.', { cause: error });
    });
    const register = async () => {
      const { added, present } = await ensureSearchAttributes(connection, namespace).catch(
        (error: unknown) => {
          throw new StartError(error instanceof Error ? error.message : 'They could not be registered.');
        },
      );
      process.stdout.write(
        `Namespace ${namespace}: ${added.length === 0 ? 'nothing to add' : `added ${added.join(', ')}`}` +
          `${present.length === 0 ? '' : `; there before: ${present.join(', ')}`}\n`,
      );
    };
    return { ended: register(), close: () => connection.close() };
  },
});
