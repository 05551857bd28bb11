/** How keys change over without a pause. Keys that are there are shown by their ids alone. */

const shown = (ids: readonly string[]) => ids.map((id) => `${id}:…`);

/** `key` is the new one, as `ENCRYPTION_KEYS` takes it. */
export function encryptionRotation(ids: readonly string[], key: string): string {
  const old = shown(ids);
  return [
    '1. Everywhere, so that all can read what the new key encrypts; restart one by one:',
    `     ENCRYPTION_KEYS=${[...old, key].join(',')}`,
    '2. Once all have it, everywhere; it encrypts from now on:',
    `     ENCRYPTION_KEYS=${[key, ...old].join(',')}`,
    '3. Once npm run keys -- status, and status --closed, name nothing that needs the others:',
    `     ENCRYPTION_KEYS=${key}`,
    '',
  ].join('\n');
}

/** The new key, as `SEALING_KEYS` and as `SEALING_PUBLIC_KEYS` take it. `ids` is empty where sealing keys are derived. */
export function sealingRotation(
  ids: readonly string[],
  { key, publicKey }: { key: string; publicKey: string },
): string {
  const old = shown(ids);
  return [
    '1. Workers, so that all can open what is sealed to the new key; restart one by one:',
    `     SEALING_KEYS=${[...old, key].join(',')}`,
    '2. Once all have it, API, backends with the typed client, and workers; tokens are sealed to it from now on:',
    `     SEALING_PUBLIC_KEYS=${publicKey}`,
    `     SEALING_KEYS=${[key, ...old].join(',')}`,
    '3. Once npm run keys -- status names nothing that needs the others (a link seals its tokens again when it continues as new):',
    `     SEALING_KEYS=${key}`,
    '',
  ].join('\n');
}
