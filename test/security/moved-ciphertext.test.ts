/** Somebody who may write to the namespace and has no key moves what is encrypted for one user into the run of another. */
import { randomUUID } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { UPDATES, WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import { createNamedPayloadCodec } from '../../src/encryption/payload-codec';
import { LinkClient } from '../../src/link-client/link-client';
import { useRealWorld } from '../long-life/support/use-real-world';
import { EMPLOYER, RECURRING, settled, viewWhen, webhook } from '../support/link-world';
import { commandsOf, KeylessWriter } from './support/keyless-writer';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

jest.setTimeout(120_000);

const world = useRealWorld();
const RESULT_OF_VICTIM = 'Bluebird';
const REFUSED = 'belongs to another workflow';
const inputSchema = z.looseObject({ userId: z.string(), sealedAccessToken: z.string() });

/** A victim and an attacker, whose links wait for their webhooks. */
async function parties() {
  const { client, keyRing, taskQueue } = world();
  const [victim, mallory] = [await waitingLink(), await waitingLink()];
  return {
    victim,
    mallory,
    links: new LinkClient({ client, keyRing, taskQueue }),
    writer: new KeylessWriter(world()),
  };
}

async function waitingLink(fromAccessToken = true) {
  const link = await world().start({ fromAccessToken });
  await viewWhen(link.handle, ({ jobs }) => jobs[EMPLOYER]?.state === 'registered');
  return link;
}

/** Why a worker could not take a task of the workflow; resolves once that has happened. */
async function refusal(writer: KeylessWriter, workflowId: string): Promise<string> {
  for (;;) {
    for (const { workflowTaskFailedEventAttributes: failed } of await writer.history(workflowId)) {
      if (failed) return textOf(present(failed.failure?.encodedAttributes));
    }
  }
}

/** What an operator with the codec server reads. */
async function textOf(payload: Payload): Promise<string> {
  const codec = createNamedPayloadCodec({ keyRing: world().keyRing, namespace: 'default' });
  const [decoded] = await codec.decode([payload]);
  return Buffer.from(decoded?.data ?? []).toString();
}

/** Why a worker could not take the step that is under way; resolves once that has happened. */
async function refusedStep({ workflowId }: { workflowId: string }): Promise<string> {
  for (;;) {
    const { raw } = await world().client.workflow.getHandle(workflowId).describe();
    const payload = raw.pendingActivities?.[0]?.lastFailure?.encodedAttributes;
    if (payload) return textOf(payload);
  }
}

/** Of the events that a worker's answer to a task made: the number of that answer. */
function taskOf(event: HistoryEvent): string | undefined {
  const attributes =
    event.activityTaskScheduledEventAttributes ??
    event.timerStartedEventAttributes ??
    event.timerCanceledEventAttributes ??
    event.upsertWorkflowSearchAttributesEventAttributes;
  return attributes ? String(attributes.workflowTaskCompletedEventId) : undefined;
}

function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('The history is not as this test expects it.');
  return value;
}

it('shows no result of a victim whose answer was given to a step of another', async () => {
  const { victim, mallory, links, writer } = await parties();
  await webhook(victim.handle, EMPLOYER);
  const report = await settled(victim.handle, EMPLOYER);
  expect(JSON.stringify(report?.result)).toContain(RESULT_OF_VICTIM);

  const events = await writer.history(victim.handle.workflowId);
  const completed = present(events.findLast((event) => event.activityTaskCompletedEventAttributes));
  const { scheduledEventId, result } = present(completed.activityTaskCompletedEventAttributes);
  const step = present(events.find(({ eventId }) => String(eventId) === String(scheduledEventId)));
  const ofTask = events.filter((event) => taskOf(event) === taskOf(step));
  await world().stopWorker();
  await webhook(mallory.handle, EMPLOYER);
  await writer.answerTask(commandsOf(ofTask));
  await writer.completeStep(present(result?.payloads));
  await world().restartWorker();

  const shown = await links.waitForJob(mallory.userId, EMPLOYER).then(JSON.stringify, String);
  expect(shown).not.toContain(RESULT_OF_VICTIM);
  expect(shown).toContain('Temporal or its worker did not answer');
  // A query leaves no trace; the next task of the run does.
  await webhook(mallory.handle, EMPLOYER);
  expect(await refusal(writer, mallory.handle.workflowId)).toContain(REFUSED);
  await mallory.handle.terminate();
});

it('does nothing to a victim whose input was given to a run of another', async () => {
  const { victim, writer } = await parties();
  const [started] = await writer.history(victim.handle.workflowId);
  const input = present(started?.workflowExecutionStartedEventAttributes?.input?.payloads);
  const { plaid, atomic, client } = world();
  const before = [plaid.ledger.lastSeq, atomic.ledger.lastSeq];

  const workflowId = workflowIdOf(`mallory-${randomUUID()}`);
  await writer.start(workflowId, input);
  expect(await refusal(writer, workflowId)).toContain(REFUSED);
  const run = client.workflow.getHandle(workflowId);
  await run.cancel();
  expect([plaid.ledger.lastSeq, atomic.ledger.lastSeq]).toEqual(before);
  expect(atomic.leftovers(victim.userId).registrations).toHaveLength(1);
  await run.terminate();
});

it('takes no step with the arguments of a victim', async () => {
  const { mallory, writer } = await parties();
  const victim = await waitingLink(false);
  const events = await writer.history(victim.handle.workflowId);
  const step = present(events.find((event) => event.activityTaskScheduledEventAttributes));
  const { plaid } = world();
  const exchanges = () => plaid.ledger.requests('/item/public_token/exchange').length;
  const before = exchanges();

  await world().stopWorker();
  await webhook(mallory.handle, EMPLOYER);
  await writer.answerTask(commandsOf([step]));
  await world().restartWorker();
  expect(await refusedStep(mallory.handle)).toContain(REFUSED);
  expect(exchanges()).toBe(before);
  await mallory.handle.terminate();
});

it('reads no view of a victim that a worker of somebody else hands out for another', async () => {
  const { victim, mallory, links, writer } = await parties();
  await victim.handle.executeUpdate(UPDATES.runJob, { args: [{ job: RECURRING }] });
  await viewWhen(victim.handle, ({ jobs }) => jobs[RECURRING]?.state === 'registered');
  const events = await writer.history(victim.handle.workflowId);
  const updated = present(events.find((event) => event.workflowExecutionUpdateCompletedEventAttributes));
  const outcome = updated.workflowExecutionUpdateCompletedEventAttributes?.outcome;
  await world().stopWorker();
  const view = links.get(mallory.userId).then(JSON.stringify, String);
  await writer.answerQuery(present(outcome?.success?.payloads));
  expect(await view).not.toContain(victim.userId);
  await world().restartWorker();
  await mallory.handle.terminate();
});

it('opens no sealed token of a victim for another, not even where the key of payloads is known', async () => {
  const { victim, writer } = await parties();
  const { client, plaid, keyRing, taskQueue } = world();
  const [started] = await writer.history(victim.handle.workflowId);
  const payloads = present(started?.workflowExecutionStartedEventAttributes?.input?.payloads);
  const codec = createNamedPayloadCodec({ keyRing, namespace: 'default' });
  const [decoded] = await codec.decode(payloads);
  const input = inputSchema.parse(JSON.parse(Buffer.from(decoded?.data ?? []).toString()));

  const userId = `mallory-${randomUUID()}`;
  const run = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(userId),
    taskQueue,
    args: [{ ...input, userId }],
  });
  const before = plaid.ledger.lastSeq;
  expect(await refusedStep(run)).toContain('does not decrypt');
  expect(plaid.ledger.lastSeq).toBe(before);
  await run.terminate();
});

it('takes no input that names a victim under the id of another', async () => {
  const { victim } = await parties();
  const { client, plaid, atomic, taskQueue } = world();
  const before = [plaid.ledger.lastSeq, atomic.ledger.lastSeq];
  const run = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(`mallory-${randomUUID()}`),
    taskQueue,
    args: [{ userId: victim.userId, jobs: [EMPLOYER], sealedAccessToken: 'sealed' }],
  });
  await expect(run.result()).rejects.toMatchObject({ cause: { type: 'internal_error' } });
  expect([plaid.ledger.lastSeq, atomic.ledger.lastSeq]).toEqual(before);
});
