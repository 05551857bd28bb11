/** The settings of each process, as functions of the environment. Each throws `SettingsError` with every problem at once. */
import {
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

export type { Env } from './environment';
export { SettingsError } from './settings-error';

export const readApiSettings = apiSchema.read;
/** What the API reads again on SIGHUP. */
export const readCallerSecrets = callersSchema.read;
export const readWorkerSettings = workerSchema.read;
export const readCodecSettings = codecSchema.read;
/** Of `npm start` and `npm run demo`. */
export const readLocalSettings = localSchema.read;
export const readKeysSettings = keysSchema.read;
/** Of the commands that only talk to Temporal. */
export const readCommandSettings = commandSchema.read;
/** Of `npm run links`. */
export const readLinksSettings = linksSchema.read;
/** Of `npm run doctor`. */
export const readDoctorSettings = doctorSchema.read;
