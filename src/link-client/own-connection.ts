import { Client, type Connection } from '@temporalio/client';
import { createClientDataConverter } from '../encryption/client-data-converter';
import { parseKeyRing } from '../encryption/key-ring';
import { parseSealingPublicKeys } from '../encryption/sealing-keys';
import { connectTemporal, DEFAULT_NAMESPACE } from '../temporal/connection';
import { requestIdInterceptor } from '../temporal/request-id';
import { temporalUnavailable } from './link-client-error';
import type { ConnectOptions, LinkClientOptions } from './link-client-options';

/** Opens the connection of a LinkClient that has one of its own, and says what such a LinkClient is made with. */
export async function openConnection(
  options: ConnectOptions,
): Promise<{ connection: Connection; options: LinkClientOptions }> {
  const {
    address,
    tls,
    apiKey,
    metadata,
    namespace = DEFAULT_NAMESPACE,
    encryptionKeys,
    sealingPublicKeys,
    ...rest
  } = options;
  const keyRing = parseKeyRing(encryptionKeys);
  const sealingPublicKey =
    sealingPublicKeys === undefined ? undefined : parseSealingPublicKeys(sealingPublicKeys);
  const connectionOptions = {
    ...(address !== undefined && { address }),
    ...(tls !== undefined && { tls }),
    ...(apiKey !== undefined && { apiKey }),
    ...(metadata !== undefined && { metadata }),
  };
  let connection: Connection;
  try {
    connection = await connectTemporal({ connectConfig: { connectionOptions, namespace }, lazy: false });
  } catch (error) {
    throw temporalUnavailable(error);
  }
  const client = new Client({
    connection,
    namespace,
    dataConverter: createClientDataConverter({ keyRing, namespace }),
    interceptors: { workflow: [requestIdInterceptor] },
  });
  return { connection, options: { ...rest, client, keyRing, sealingPublicKey } };
}
