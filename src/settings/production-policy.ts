import { z } from 'zod';
import { isWeakKey } from '../encryption/key-strength';
import { apiKey, list, secret } from './rules';

const https = z.string().regex(/^https:/i, 'must use https');
const randomKey = z.string().refine((entry) => !isWeakKey(entry), 'is not 32 random bytes: refused');

/** What production asks of variables that are right by their own rules, or are not set. */
export const PRODUCTION_RULES: Readonly<Record<string, z.ZodType>> = {
  API_KEYS: list(apiKey(32)),
  ATOMIC_API_SECRET: secret(16).optional(),
  ATOMIC_WEBHOOK_SECRETS: list(secret(16)).optional(),
  CODEC_TOKEN: list(secret(16)).optional(),
  ENCRYPTION_KEYS: list(randomKey),
  NOTIFY_URL: https.optional(),
  PUBLIC_URL: https,
  SEALING_KEYS: list(randomKey).optional(),
};
