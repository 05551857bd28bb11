import type { Client, ConnectionOptions, WorkflowClient } from '@temporalio/client';
import type { KeyRing } from '../encryption/key-ring';
import type { SealingPublicKey } from '../encryption/sealing-keys';

export interface LinkClientOptions {
  /** A client of the namespace, made with `createClientDataConverter` over the same key ring. */
  client: Client | WorkflowClient;
  keyRing: KeyRing;
  /** What bank tokens are sealed to. Default: derived from the key ring, as the workers' are. */
  sealingPublicKey?: SealingPublicKey | undefined;
  taskQueue?: string;
  /** Every method that does not wait is over by then, whatever Temporal does. Default 4,000. */
  callTimeoutMs?: number;
  /** For the two repair methods, once the worker has begun: they call Plaid. Default 20,000. */
  repairTimeoutMs?: number;
  /** How many different jobs this process waits for at once; beyond that, `overloaded`. Default 1,000. */
  maxWaits?: number;
  /** Lets a worker on the same NativeConnection take a new link at once. Only with such a connection. */
  eagerStart?: boolean;
}

export interface ConnectOptions
  extends Pick<ConnectionOptions, 'address' | 'tls' | 'metadata'>,
    Omit<LinkClientOptions, 'client' | 'keyRing' | 'sealingPublicKey' | 'eagerStart'> {
  apiKey?: string;
  /** Default `default`. */
  namespace?: string;
  /** As in `ENCRYPTION_KEYS`: `id:base64 of 32 bytes`, comma-separated, the encrypting one first. */
  encryptionKeys: string;
  /** As in `SEALING_PUBLIC_KEYS`. Default: derived from the encryption keys, as the workers' are. */
  sealingPublicKeys?: string;
}
