import { z } from 'zod';
import type { StoredPlaidKey } from './plaid-key-cache';

const storedSchema = z.array(
  z.object({
    untilMs: z.number(),
    key: z.object({
      alg: z.string(),
      crv: z.string(),
      kid: z.string(),
      kty: z.string(),
      use: z.string(),
      x: z.string(),
      y: z.string(),
      created_at: z.number(),
      expired_at: z.number().nullable(),
    }),
  }),
);

/** Keys as they were kept; none where the text is anything else. */
export function parseStoredPlaidKeys(text: string): StoredPlaidKey[] {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data ?? [];
  } catch {
    return [];
  }
}
