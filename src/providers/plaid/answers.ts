/**
 * Plaid's answers, read leniently: the fields that are needed must be there and of the right type, everything
 * else may change (Plaid adds fields and enum values at will). Undefined means that a needed field is missing.
 */

import type { PlaidVerificationKey } from '../../contract/plaid';
import type { LinkToken } from '../../contract/schemas';
import { isRecord } from '../is-record';
import type { PlaidAccount, PlaidItem } from '../types';
import { classifyPlaidError } from './error-class';

export type Body = Record<string, unknown>;

/** `error_code` as far as it is safe to log: Plaid's own form, or the one exception that its pages name. */
export function safeErrorCode(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(value) || value === 'plaid-internal-error' ? value : undefined;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function linkTokenOf(body: Body): LinkToken | undefined {
  const linkToken = textOf(body.link_token);
  const expiration = textOf(body.expiration);
  return linkToken && expiration ? { linkToken, expiration } : undefined;
}

export function exchangeOf(body: Body): { accessToken: string; itemId: string } | undefined {
  const accessToken = textOf(body.access_token);
  const itemId = textOf(body.item_id);
  return accessToken && itemId ? { accessToken, itemId } : undefined;
}

export function accountsOf(body: Body): { itemId: string; accounts: PlaidAccount[] } | undefined {
  const itemId = isRecord(body.item) ? textOf(body.item.item_id) : undefined;
  if (!itemId || !Array.isArray(body.accounts)) return undefined;
  const accounts = body.accounts.map(accountOf);
  return accounts.every((account) => account !== undefined) ? { itemId, accounts } : undefined;
}

function accountOf(account: unknown): PlaidAccount | undefined {
  if (!isRecord(account)) return undefined;
  const accountId = textOf(account.account_id);
  const type = textOf(account.type);
  if (!accountId || !type) return undefined;
  const persistentAccountId = textOf(account.persistent_account_id);
  const mask = textOf(account.mask);
  const subtype = textOf(account.subtype);
  return {
    accountId,
    name: textOf(account.name) ?? accountId,
    type,
    ...(persistentAccountId && { persistentAccountId }),
    ...(mask && { mask }),
    ...(subtype && { subtype }),
  };
}

export function itemOf(body: Body, operation: string): PlaidItem | undefined {
  if (!isRecord(body.item)) return undefined;
  const itemId = textOf(body.item.item_id);
  if (!itemId) return undefined;
  const error = isRecord(body.item.error) ? itemErrorOf(body.item.error, operation) : undefined;
  const lastWebhook = isRecord(body.status) ? body.status.last_webhook : undefined;
  const lastWebhookCode = isRecord(lastWebhook) ? textOf(lastWebhook.code_sent) : undefined;
  const consentedProducts = textsOf(body.item.consented_products);
  return {
    itemId,
    ...(error && { error }),
    ...(consentedProducts && { consentedProducts }),
    ...(lastWebhookCode && { lastWebhookCode }),
  };
}

function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : undefined;
}

function itemErrorOf(error: Body, operation: string): NonNullable<PlaidItem['error']> {
  const errorCode = safeErrorCode(error.error_code);
  return {
    code: errorCode ?? 'UNKNOWN',
    failureClass: classifyPlaidError({ errorCode, errorType: textOf(error.error_type), operation }),
  };
}

export function verificationKeyOf(body: Body): PlaidVerificationKey | undefined {
  if (!isRecord(body.key)) return undefined;
  const { created_at: createdAt, expired_at: expiredAt = null } = body.key;
  const alg = textOf(body.key.alg);
  const crv = textOf(body.key.crv);
  const kid = textOf(body.key.kid);
  const kty = textOf(body.key.kty);
  const use = textOf(body.key.use);
  const x = textOf(body.key.x);
  const y = textOf(body.key.y);
  if (!alg || !crv || !kid || !kty || !use || !x || !y || typeof createdAt !== 'number') return undefined;
  if (expiredAt !== null && typeof expiredAt !== 'number') return undefined;
  return { alg, crv, kid, kty, use, x, y, created_at: createdAt, expired_at: expiredAt };
}
