/** Known to both ends of a call: the stand-ins of Plaid and Atomic, and the applications. */
export const ACCOUNT_ID = 'iY7ETdqPUeWxJAAGXViS3ZKA1VFFSosanE57n';
export const ATOMIC_SECRET = 'e4dfac15-8b9f-4c91-9409-b02ea59356a5';

export const PRODUCT_NAMESPACE = 'default';
export const THIN_NAMESPACE = 'thin';
