import { CompleteAsyncError } from '@temporalio/common';
import { holdAnswers } from '../../src/worker/hold-answers';

const workflowExecution = { workflowId: 'processor-link/user-1', runId: 'run-1' };

function heldAnswer(activityType: string, complete: jest.Mock): Promise<unknown> {
  const client = { withDeadline: (_: number, call: () => unknown) => call(), activity: { complete } };
  const info = { activityType, activityId: '7', workflowExecution };
  const context = Object.assign(Object.create(null), {
    info,
    client,
    cancellationSignal: new AbortController().signal,
  });
  const { inbound } = holdAnswers(context);
  if (!inbound?.execute) throw new Error('It stands around no step.');
  return inbound.execute({ args: [], headers: {} }, async () => 'the answer');
}

test('an answer that cannot be had again is given by the id of its step', async () => {
  const complete = jest.fn(async () => undefined);
  await expect(heldAnswer('exchangePublicToken', complete)).rejects.toBeInstanceOf(CompleteAsyncError);
  expect(complete).toHaveBeenCalledWith({ ...workflowExecution, activityId: '7' }, 'the answer');
});

test('no error is made for each answer', async () => {
  const complete = jest.fn(async () => undefined);
  const first: unknown = await heldAnswer('exchangePublicToken', complete).catch((error: unknown) => error);
  await expect(heldAnswer('registerProcessorLink', complete)).rejects.toBe(first);
});

test('other answers go the usual way', async () => {
  const complete = jest.fn(async () => undefined);
  await expect(heldAnswer('createProcessorToken', complete)).resolves.toBe('the answer');
  expect(complete).not.toHaveBeenCalled();
});
