/**
 * What a key of `API_KEYS` is good for. `read`: GET of links; `results`: GET of a job's result; `erase`: DELETE of a user;
 * `link`: every other route under /v1.
 */
export const API_SCOPES = ['link', 'read', 'results', 'erase'] as const;
export type ApiScope = (typeof API_SCOPES)[number];

export function isApiScope(value: string): value is ApiScope {
  return API_SCOPES.some((scope) => scope === value);
}
