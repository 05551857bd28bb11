/** What Plaid calls things, where more than one folder has to know. */

/** Plaid's only two environments. Items, tokens and keys never move between them. */
export const PLAID_ENVIRONMENTS = ['sandbox', 'production'] as const;
export type PlaidEnvironment = (typeof PLAID_ENVIRONMENTS)[number];

/** Languages of Link: `language` of `/link/token/create`. */
export const LINK_LANGUAGES = [
  'da',
  'nl',
  'en',
  'et',
  'fr',
  'de',
  'hi',
  'it',
  'lv',
  'lt',
  'no',
  'pl',
  'pt',
  'ro',
  'es',
] as const;

/**
 * Codes of an Item's error that the user mends on the same Item, in Link's update mode (Plaid's reference, Errors).
 * Plaid adds codes; an unlisted one is classified by its type, and as a webhook it is a hint to look.
 */
export const SIGN_IN_ERROR_CODES = [
  'ITEM_LOGIN_REQUIRED',
  'ACCESS_NOT_GRANTED',
  'NO_ACCOUNTS',
  'ITEM_LOCKED',
  'PASSWORD_RESET_REQUIRED',
  'USER_SETUP_REQUIRED',
  'INVALID_CREDENTIALS',
  'INVALID_MFA',
  'INVALID_OTP',
  'INSUFFICIENT_CREDENTIALS',
  'INVALID_SEND_METHOD',
  'USER_INPUT_TIMEOUT',
  'INVALID_ACCOUNT_ID',
  'ADDITIONAL_CONSENT_REQUIRED',
] as const;

/** The code of an Item whose user has not consented to a product: Link's update mode has to ask for it. */
export const CONSENT_REQUIRED = 'ADDITIONAL_CONSENT_REQUIRED';

/** A key as `/webhook_verification_key/get` sends it; `expired_at` (Unix seconds) is set once Plaid has withdrawn it. */
export interface PlaidVerificationKey {
  alg: string;
  crv: string;
  kid: string;
  kty: string;
  use: string;
  x: string;
  y: string;
  created_at: number;
  expired_at: number | null;
}
