/** What the settings of each process come to. Secrets are wrapped, and print as `[secret]`. */
import type { SettingsOf } from './schema';
import type {
  apiSchema,
  callersSchema,
  codecSchema,
  commandSchema,
  doctorSchema,
  keysSchema,
  linksSchema,
  localSchema,
  workerSchema,
} from './schemas';

export type ApiSettings = SettingsOf<typeof apiSchema>;
export type WorkerSettings = SettingsOf<typeof workerSchema>;
export type CodecSettings = SettingsOf<typeof codecSchema>;
export type KeysSettings = SettingsOf<typeof keysSchema>;
export type LocalSettings = SettingsOf<typeof localSchema>;
export type ProcessSettings = SettingsOf<typeof commandSchema>;
export type DoctorSettings = SettingsOf<typeof doctorSchema>;
export type LinksSettings = SettingsOf<typeof linksSchema>;
export type CallerSecrets = SettingsOf<typeof callersSchema>;

export type TemporalSettings = ProcessSettings['temporal'];
export type PlaidSettings = WorkerSettings['plaid'];
export type AtomicSettings = WorkerSettings['atomic'];
export type HttpSettings = ApiSettings['http'];
export type WorkSettings = WorkerSettings['work'];
export type CodecServerSettings = CodecSettings['codec'];
