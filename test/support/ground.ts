import { randomBytes, randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { createDataConverter } from '../../src/encryption/data-converter';
import { type KeyRing, parseKeyRing } from '../../src/encryption/key-ring';
import { LinkClient } from '../../src/link-client/link-client';
import {
  type AtomicSimulator,
  type AtomicSimulatorOptions,
  type PlaidSimulator,
  type PlaidSimulatorOptions,
  startAtomicSimulator,
  startPlaidSimulator,
} from '../../src/simulators';
import { openPlace, type PlaceOptions, type TemporalPlace } from './temporal-place';

/** What links stand on, wherever their worker runs: Temporal, simulators of Plaid and Atomic in this process, and keys. */
export interface Ground {
  temporal: TemporalPlace;
  client: Client;
  plaid: PlaidSimulator;
  atomic: AtomicSimulator;
  /** As the simulators were started. */
  credentials: { clientId: string; secret: string; apiKey: string; apiSecret: string };
  taskQueue: string;
  keyRing: KeyRing;
  dataConverter: DataConverter;
  newUser(): string;
  /** A client of its own, closed with all else. */
  linkClient(callTimeoutMs?: number): LinkClient;
  close(): Promise<void>;
}

export interface GroundOptions extends PlaceOptions {
  /** One that stays open. Default: one of its own, by the other options. */
  place?: TemporalPlace;
  /** As `ENCRYPTION_KEYS`; new ones by default. */
  encryptionKeys?: string;
  plaid?: Partial<PlaidSimulatorOptions>;
  atomic?: Partial<AtomicSimulatorOptions>;
}

export const newEncryptionKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

export async function prepareGround(options: GroundOptions): Promise<Ground> {
  const temporal = options.place ?? (await openPlace(options));
  const { connection, namespace } = temporal;
  const credentials = {
    clientId: options.plaid?.clientId ?? `client-${randomUUID()}`,
    secret: options.plaid?.secret ?? `plaid-secret-${randomUUID()}`,
    apiKey: options.atomic?.apiKey ?? `atomic-key-${randomUUID()}`,
    apiSecret: options.atomic?.apiSecret ?? `atomic-secret-${randomUUID()}`,
  };
  const plaid = await startPlaidSimulator({ ...credentials, ...options.plaid });
  const atomic = await startAtomicSimulator({
    ...credentials,
    isProcessorTokenLive: (token) => plaid.isProcessorTokenLive(token),
    ...options.atomic,
  });
  const keyRing = parseKeyRing(options.encryptionKeys ?? newEncryptionKey('test'));
  const dataConverter = createDataConverter({ keyRing, namespace });
  const client = new Client({ connection, namespace, dataConverter });
  const taskQueue = `test-${randomUUID()}`;
  const linkClients: LinkClient[] = [];
  return {
    temporal,
    client,
    plaid,
    atomic,
    credentials,
    taskQueue,
    keyRing,
    dataConverter,
    newUser: () => `user-${randomUUID()}`,
    linkClient(callTimeoutMs = 60_000) {
      const links = new LinkClient({ client, keyRing, taskQueue, callTimeoutMs });
      linkClients.push(links);
      return links;
    },
    async close() {
      await Promise.all(linkClients.map((links) => links.close()));
      await Promise.all([plaid.close(), atomic.close()]);
      if (!options.place) await temporal.close();
    },
  };
}
