import { Client, type Connection } from '@temporalio/client';
import type { Logger } from 'pino';
import { createClientDataConverter } from '../../encryption/client-data-converter';
import type { KeyRing } from '../../encryption/key-ring';

import { createPayloadReader, type PayloadReader } from '../../operator/links/payload-reader';
import { keyRingOf } from '../../process/wiring';
import type { TemporalSettings } from '../../settings/schemas';
import { connectTemporal } from '../../temporal/connection';

/** What the operator's commands reach Temporal with. Who opens it closes the connection. */
export interface OperatorTemporal {
  connection: Connection;
  client: Client;
  namespace: string;
  taskQueue: string;
  keyRing: KeyRing;
  read: PayloadReader;
}

export async function openTemporal(settings: TemporalSettings, logger: Logger): Promise<OperatorTemporal> {
  const { connectConfig, namespace, taskQueue } = settings;
  const keyRing = await keyRingOf(settings, logger);
  const connection = await connectTemporal({ connectConfig });
  const dataConverter = createClientDataConverter({ keyRing, namespace });
  const client = new Client({ connection, namespace, dataConverter });
  return { connection, client, namespace, taskQueue, keyRing, read: createPayloadReader(keyRing, namespace) };
}
