import type { ClientConnectConfig } from '@temporalio/envconfig';
import { namespaceOf, readConnectConfig } from '../temporal/connection';
import type { Part } from './variable';

const SWITCHES = ['TEMPORAL_TLS', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION'];

/** Where Temporal is: from all variables that are set, as @temporalio/envconfig reads them. */
export const temporalPlace: Part<{ connectConfig: ClientConnectConfig; namespace: string }> = {
  variables: [],
  read({ set, wrong }) {
    if (/[\s/]/.test(set.TEMPORAL_ADDRESS ?? '')) {
      return wrong(
        'TEMPORAL_ADDRESS',
        'must be a host and a port, without a scheme: temporal.example.com:7233',
      );
    }
    const switches: Record<string, string> = {};
    for (const name of SWITCHES) {
      const value = set[name]?.toLowerCase();
      if (value === undefined) continue;
      // What envconfig does not know it takes for "not set", and sends the API key in the clear.
      if (!['true', 'false', '1', '0'].includes(value)) return wrong(name, 'must be true, false, 1 or 0');
      switches[name] = value === '1' || value === 'true' ? 'true' : 'false';
    }
    try {
      const connectConfig = readConnectConfig({ ...set, ...switches });
      return { connectConfig, namespace: namespaceOf(connectConfig) };
    } catch (error) {
      // The first line says what is wrong; those after it may quote the file.
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
      return wrong('TEMPORAL_*', `could not be read: ${why}`);
    }
  },
};
