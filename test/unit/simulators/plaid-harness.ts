import {
  type PlaidSimulator,
  type PlaidSimulatorOptions,
  startPlaidSimulator,
} from '../../../src/simulators';
import { at, call, startReceiver, textAt } from './webhook-receiver';

export const KEYS = { 'plaid-client-id': 'client-1', 'plaid-secret': 'secret-1' };
const open: { close(): unknown }[] = [];

/** Closes whatever `start` and `receiver` opened. */
export async function closeAll(): Promise<void> {
  for (const opened of open.splice(0)) await opened.close();
}

export async function start(options: Partial<PlaidSimulatorOptions> = {}): Promise<PlaidSimulator> {
  const plaid = await startPlaidSimulator({ clientId: 'client-1', secret: 'secret-1', ...options });
  open.push(plaid);
  return plaid;
}

export async function receiver(statuses?: number[]) {
  const started = await startReceiver(statuses);
  open.push(started);
  return started;
}

export function post(
  plaid: PlaidSimulator,
  path: string,
  body: unknown,
  headers: Record<string, string> = KEYS,
) {
  return call(`${plaid.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

export async function linkedItem(
  plaid: PlaidSimulator,
  item: Parameters<PlaidSimulator['createPublicToken']>[0] = {},
) {
  const { publicToken, itemId, accounts } = plaid.createPublicToken({ userId: 'user-1', ...item });
  const exchanged = await post(plaid, '/item/public_token/exchange', { public_token: publicToken });
  expect(exchanged.status).toBe(200);
  return {
    itemId,
    accounts,
    accountId: accounts[0]?.accountId ?? '',
    accessToken: textAt(exchanged.body, 'access_token'),
  };
}

export function expectRefusal(answer: Awaited<ReturnType<typeof call>>, code: string, status = 400) {
  expect({ code: at(answer.body, 'error_code'), status: answer.status }).toEqual({ code, status });
  expect(at(answer.body, 'request_id')).toMatch(/^[A-Za-z0-9]{15}$/);
}
