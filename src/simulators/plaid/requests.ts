import { z } from 'zod';
import { PlaidRefusal } from './errors';

const text = z.string().min(1);
const webUrl = z.url({ protocol: /^https?$/ });
const daysRequested = z.int().min(1).max(730);
const credentials = { client_id: z.string().optional(), secret: z.string().optional() };
const anything = z.unknown().optional();

const products = z.array(
  z.enum([
    'assets',
    'auth',
    'balance',
    'employment',
    'identity',
    'income_verification',
    'investments',
    'liabilities',
    'recurring_transactions',
    'signal',
    'statements',
    'transactions',
    'transactions_refresh',
    'transfer',
  ]),
);

const FIRE_WEBHOOK_CODES = [
  'DEFAULT_UPDATE',
  'NEW_ACCOUNTS_AVAILABLE',
  'SMS_MICRODEPOSITS_VERIFICATION',
  'AUTHORIZATION_GRANTED',
  'USER_PERMISSION_REVOKED',
  'USER_ACCOUNT_REVOKED',
  'PENDING_DISCONNECT',
  'RECURRING_TRANSACTIONS_UPDATE',
  'LOGIN_REPAIRED',
  'SYNC_UPDATES_AVAILABLE',
  'PRODUCT_READY',
  'ERROR',
] as const;
export type FireWebhookCode = (typeof FIRE_WEBHOOK_CODES)[number];

const byAccessToken = z.strictObject({ ...credentials, access_token: text });

/** The fields that each endpoint knows (Plaid's OpenAPI document and the types of its Node client). */
export const PLAID_REQUESTS = {
  linkTokenCreate: z.strictObject({
    ...credentials,
    client_name: text,
    language: z.enum([
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
    ]),
    country_codes: z.array(z.enum(['US', 'CA', 'GB', 'ES', 'FR', 'IE', 'NL', 'DE', 'IT', 'PL'])).min(1),
    user: z
      .strictObject({
        // Plaid refuses personal data here.
        client_user_id: text.regex(/^[^@]+$/).regex(/^(?!\+[\d\s()-]{7,}$)/),
        legal_name: anything,
        phone_number: anything,
        email_address: anything,
        address: anything,
      })
      .optional(),
    user_id: text.optional(),
    products: products.nullable().optional(),
    required_if_supported_products: products.nullable().optional(),
    optional_products: products.nullable().optional(),
    additional_consented_products: products.nullable().optional(),
    transactions: z.strictObject({ days_requested: daysRequested.optional() }).optional(),
    webhook: webUrl.optional(),
    access_token: text.nullable().optional(),
    link_customization_name: z.string().optional(),
    redirect_uri: z.string().optional(),
    android_package_name: z.string().optional(),
    account_filters: z
      .strictObject({
        depository: z
          .strictObject({ account_subtypes: z.array(z.enum(['all', 'checking', 'savings'])).min(1) })
          .optional(),
      })
      .optional(),
    hosted_link: z.record(z.string(), z.unknown()).optional(),
    update: z
      .strictObject({
        account_selection_enabled: z.boolean().optional(),
        reauthorization_enabled: z.boolean().optional(),
        user: z.boolean().optional(),
        item_ids: z.array(z.string()).nullable().optional(),
      })
      .optional(),
  }),
  publicTokenExchange: z.strictObject({ ...credentials, public_token: text }),
  accountsGet: z.strictObject({
    ...credentials,
    access_token: text,
    options: z.strictObject({ account_ids: z.array(text).optional() }).optional(),
  }),
  itemGet: byAccessToken,
  processorTokenCreate: z.strictObject({
    ...credentials,
    access_token: text,
    account_id: text,
    processor: text,
  }),
  processorTokenPermissionsSet: z.strictObject({ ...credentials, processor_token: text, products }),
  itemRemove: z.strictObject({
    ...credentials,
    access_token: text,
    reason_code: z
      .enum([
        'FRAUD_FIRST_PARTY',
        'FRAUD_FALSE_IDENTITY',
        'FRAUD_ABUSE',
        'FRAUD_OTHER',
        'CONNECTION_IS_NON_FUNCTIONAL',
        'OTHER',
      ])
      .nullable()
      .optional(),
    reason_note: z.string().max(512).nullable().optional(),
  }),
  webhookVerificationKeyGet: z.strictObject({ ...credentials, key_id: text }),
  sandboxPublicTokenCreate: z.strictObject({
    ...credentials,
    institution_id: z.string(),
    initial_products: products.min(1),
    options: z
      .strictObject({
        webhook: webUrl.optional(),
        override_username: z.string().nullable().optional(),
        override_password: z.string().nullable().optional(),
        transactions: z
          .strictObject({
            start_date: z.string().optional(),
            end_date: z.string().optional(),
            days_requested: daysRequested.optional(),
          })
          .nullable()
          .optional(),
      })
      .optional(),
  }),
  sandboxItemResetLogin: byAccessToken,
  sandboxItemFireWebhook: z.strictObject({
    ...credentials,
    access_token: text,
    webhook_type: z
      .enum(['ITEM', 'TRANSACTIONS', 'AUTH', 'HOLDINGS', 'INVESTMENTS_TRANSACTIONS', 'LIABILITIES', 'ASSETS'])
      .optional(),
    webhook_code: z.enum(FIRE_WEBHOOK_CODES),
  }),
};

/** Parses a request as strictly as Plaid does; throws MISSING_FIELDS, UNKNOWN_FIELDS or INVALID_FIELD. */
export function parsePlaidRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const missing = issues.filter((issue) => issue.path.length > 0 && valueAt(body, issue.path) === undefined);
  if (missing.length > 0) {
    const names = missing.map((issue) => issue.path.join('.'));
    throw new PlaidRefusal('MISSING_FIELDS', `required field absent: ${names.join(', ')}`);
  }
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key].join('.')) : [],
  );
  if (unknown.length > 0) {
    throw new PlaidRefusal('UNKNOWN_FIELDS', `unrecognised field: ${unknown.join(', ')}`);
  }
  const malformed = issues.map((issue) => issue.path.join('.') || 'body');
  throw new PlaidRefusal(
    'INVALID_FIELD',
    `${malformed.join(', ')} must be a properly formatted, non-empty value`,
  );
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
