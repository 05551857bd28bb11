/** Whether the API can be reached where providers send their webhooks, and knows their signature. */
import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ATOMIC_SIGNATURE_HEADER } from '../../contract/names';
import { readMetrics } from './api-metrics';
import { type Check, check, fine, type Verdict, wrong } from './check';

const TIMEOUT_MS = 4_500;
const CALL_TIMEOUT_MS = 3_500;
const MAX_SKEW_MS = 60_000;
const LOOK_AGAIN_MS = 100;
const ARRIVES_WITHIN_MS = 3_000;

/** A signed event of an unknown kind, which the API takes and drops. */
export function checkPublicUrl(publicUrl: string, secret: string | undefined): Promise<Check> {
  const fix = 'Set PUBLIC_URL to where the API is reached from outside, and see that it runs: npm run api';
  const look = async (): Promise<Verdict> => {
    if (secret === undefined) return wrong('No secret of webhooks is set.', 'Set ATOMIC_WEBHOOK_SECRETS.');
    const body = JSON.stringify({ eventType: `doctor-${randomUUID()}` });
    let response: Response;
    try {
      response = await fetch(`${publicUrl}/webhooks/atomic`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          [ATOMIC_SIGNATURE_HEADER]: createHmac('sha256', secret).update(body).digest('hex'),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      await response.arrayBuffer();
    } catch {
      return wrong(`${publicUrl} cannot be reached.`, fix);
    }
    if (response.status === 200) return fine(`${publicUrl} takes Atomic's webhooks.`);
    return response.status === 401
      ? wrong(
          `The API at ${publicUrl} has another secret of Atomic's webhooks.`,
          'Give all processes the same ATOMIC_WEBHOOK_SECRETS.',
        )
      : wrong(`${publicUrl}/webhooks/atomic answers ${response.status}.`, fix);
  };
  return check('public-url', look, { timeoutMs: TIMEOUT_MS, fix });
}

/** By the Date of an answer, which needs no credentials. Signed webhooks and tokens are judged by the clock. */
export function checkClock(url: string): Promise<Check> {
  const fix = 'Have the clock of this machine set by NTP.';
  const look = async (): Promise<Verdict> => {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    }).catch(() => undefined);
    await response?.arrayBuffer();
    const date = Date.parse(response?.headers.get('date') ?? '');
    if (Number.isNaN(date)) return fine('Not proved: Plaid did not say what time it is.');
    const skewMs = Math.abs(Date.now() - date);
    const message = `This clock and Plaid's differ by ${Math.round(skewMs / 1_000)} s.`;
    return skewMs <= MAX_SKEW_MS ? fine(message) : wrong(message, fix);
  };
  return check('clock', look, { timeoutMs: TIMEOUT_MS, fix });
}

/**
 * Counts Plaid's webhooks that the API has taken, from now on; resolves true once one more is there, false when none
 * comes, undefined where the metrics cannot be read from here.
 */
export async function watchPlaidWebhooks(publicUrl: string): Promise<() => Promise<boolean | undefined>> {
  const before = await plaidWebhooks(publicUrl);
  return async () => {
    if (before === undefined) return undefined;
    const endMs = Date.now() + ARRIVES_WITHIN_MS;
    while (Date.now() < endMs) {
      if (((await plaidWebhooks(publicUrl)) ?? 0) > before) return true;
      await sleep(LOOK_AGAIN_MS);
    }
    return false;
  };
}

/** Those whose signature was right: whether they were of use is another thing. */
async function plaidWebhooks(publicUrl: string): Promise<number | undefined> {
  const text = await readMetrics(publicUrl);
  if (text === undefined) return undefined;
  const lines = text.matchAll(/^processor_link_webhooks_total\{([^}]*provider="plaid"[^}]*)\} (\d+)/gm);
  return [...lines]
    .filter(([, labels = '']) => /outcome="(ignored|delivered|no_open_link)"/.test(labels))
    .reduce((sum, [, , count]) => sum + Number(count), 0);
}
