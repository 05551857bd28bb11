/**
 * An error whose message is composed of our own words and of allow-listed fields. It holds no secret, so logs print it
 * as it is; of any other error they print the name alone.
 */
export abstract class SafeError extends Error {}

/** Every SafeError by name, for errors that were made into plain objects before they reach a log. */
export const SAFE_ERROR_NAMES: readonly string[] = [
  'DataFolderError',
  'DecryptionError',
  'ForgetError',
  'HttpProblem',
  'KeyRingFormatError',
  'LinkClientError',
  'NotificationError',
  'PayloadRefusedError',
  'ProviderError',
  'SearchAttributesError',
  'SettingsError',
  'StartError',
  'UnknownKeyError',
  'UnknownSealingKeyError',
];
