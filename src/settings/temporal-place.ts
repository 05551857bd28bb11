import { z } from 'zod';
import { namespaceOf, readConnectConfig } from '../temporal/connection';
import { matching } from './rules';

const address = matching(/^[^\s/]+$/, 'a host and a port, without a scheme: temporal.example.com:7233');
// What envconfig does not know it takes for "not set", and sends the API key in the clear.
const flag = z
  .stringbool({ truthy: ['true', '1'], falsy: ['false', '0'], error: 'must be true, false, 1 or 0' })
  .transform(String)
  .optional();

/** Where Temporal is: from all variables that are set, as @temporalio/envconfig reads them. */
export const temporalPlace = z
  .object({
    TEMPORAL_ADDRESS: address.optional(),
    TEMPORAL_TLS: flag,
    TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: flag,
  })
  .catchall(z.string())
  .transform((set, { addIssue }) => {
    try {
      const connectConfig = readConnectConfig(set);
      return { connectConfig, namespace: namespaceOf(connectConfig) };
    } catch (error) {
      // The first line says what is wrong; those after it may quote the file.
      const why = error instanceof Error ? error.message.split('\n')[0] : 'unknown';
      addIssue({ code: 'custom', path: ['TEMPORAL_*'], message: `could not be read: ${why}` });
      return z.NEVER;
    }
  });
