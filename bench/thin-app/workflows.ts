import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { ThinActivities } from './activities';

const { exchange, createProcessorToken, register, fetchResult } = proxyActivities<ThinActivities>({
  startToCloseTimeout: '30s',
});

const webhook = defineSignal('webhook');

export interface ThinInput {
  userId: string;
  publicToken: string;
  accountId: string;
}

export async function thinLink({ userId, publicToken, accountId }: ThinInput): Promise<unknown> {
  let finished = false;
  setHandler(webhook, () => {
    finished = true;
  });
  const { accessToken } = await exchange({ publicToken });
  const { processorToken } = await createProcessorToken({ accessToken, accountId });
  await register({ userId, processorToken });
  await condition(() => finished);
  return fetchResult({ userId });
}
