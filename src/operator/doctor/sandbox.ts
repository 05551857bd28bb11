/** Whether calls that only Plaid's Sandbox has can be made there; a stand-in on this machine has them too. */
export function isSandbox(plaidBaseUrl: string): boolean {
  const { hostname } = new URL(plaidBaseUrl);
  return hostname !== 'production.plaid.com';
}
