/** What the settings of each process come to. Secrets are wrapped, and print as `[secret]`. */
import type { ClientConnectConfig } from '@temporalio/envconfig';
import type { LinkSettings } from '../contract/workflow';
import type { KeyRing } from '../encryption/key-ring';
import type { LogLevel } from '../logging/log-level';
import type { AtomicContractOverride } from '../providers/atomic/contract';
import type { ApiKeySetting } from './rules';
import type { Secret } from './secret';

export interface TemporalSettings {
  connectConfig: ClientConnectConfig;
  namespace: string;
  taskQueue: string;
  /** Undefined outside of production: a key of this machine is used, see `development-key.ts`. */
  keyRing: KeyRing | undefined;
}
export interface PlaidSettings {
  clientId: Secret;
  secret: Secret;
  baseUrl: string;
}
export interface AtomicSettings {
  apiKey: Secret;
  apiSecret: Secret;
  baseUrl: string;
  contract: AtomicContractOverride;
}
export interface ProcessSettings {
  temporal: TemporalSettings;
  /** Undefined: the process's own default. */
  logLevel: LogLevel | undefined;
  production: boolean;
}

/** What the API reads again on SIGHUP. */
export interface CallerSecrets {
  apiKeys: readonly ApiKeySetting[];
  atomicWebhookSecrets: readonly Secret[];
}

export interface HttpSettings {
  host: string;
  port: number;
  /** Undefined: where the server listens. */
  publicUrl: string | undefined;
  trustProxy: readonly string[];
}
export interface ApiSettings extends ProcessSettings, CallerSecrets {
  plaid: PlaidSettings;
  http: HttpSettings;
}

export interface WorkSettings {
  /** Where the probes listen. */
  host: string;
  port: number;
  maxCachedWorkflows: number | undefined;
  maxConcurrentActivities: number;
  maxConcurrentWorkflowTasks: number;
  link: LinkSettings;
  notify: { url: string; secrets: readonly Secret[] } | undefined;
  otlpEndpoint: string | undefined;
  deployment: { name: string; buildId: string } | undefined;
}
export interface WorkerSettings extends ProcessSettings {
  plaid: PlaidSettings;
  atomic: AtomicSettings;
  work: WorkSettings;
}

export interface CodecServerSettings {
  host: string;
  port: number;
  tokens: readonly Secret[];
  jwt: { jwksUrl: string; issuer: string; audience: string } | undefined;
  uiOrigins: readonly string[];
}
export interface CodecSettings extends ProcessSettings {
  codec: CodecServerSettings;
}

export interface LocalSettings extends ProcessSettings {
  /** What was said, where leaving it out means more than its default. */
  given: { temporal: boolean; port: boolean; resultOverdueAfter: boolean };
  /** Undefined: simulated. */
  plaid: PlaidSettings | undefined;
  atomic: AtomicSettings | undefined;
  /** Undefined: a fixed one for development. */
  apiKeys: readonly ApiKeySetting[] | undefined;
  /** Empty: the simulator's. */
  atomicWebhookSecrets: readonly Secret[];
  http: HttpSettings;
  work: WorkSettings;
  codec: CodecServerSettings;
}
