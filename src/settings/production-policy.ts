import { z } from 'zod';
import { isWeakKey } from '../encryption/key-strength';
import { list, type Rule } from './rules';

const https = z.string().regex(/^https:/i, 'must use https');
const atLeast = (length: number) => z.string().min(length, `must have at least ${length} characters`);
const callerKey = z.string().transform((text) => text.split(':')[1] ?? text);
const randomKey = z.string().refine((entry) => !isWeakKey(entry), 'is not 32 random bytes: refused');

/** What production asks of variables that are right by their own rules. */
export const PRODUCTION_RULES: Readonly<Record<string, Rule<unknown>>> = {
  API_KEYS: list(callerKey.pipe(atLeast(32))),
  ATOMIC_API_SECRET: atLeast(16),
  ATOMIC_WEBHOOK_SECRETS: list(atLeast(16)),
  CODEC_TOKEN: list(atLeast(16)),
  ENCRYPTION_KEYS: list(randomKey),
  NOTIFY_URL: https,
  PUBLIC_URL: https,
  SEALING_KEYS: list(randomKey),
};
