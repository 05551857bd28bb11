/** Somebody who may write to the namespace and has no key moves what is encrypted for one user into the run of another. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { UPDATES, WORKFLOW_TYPE, workflowIdOf } from '../../src/contract/names';
import { createNamedPayloadCodec } from '../../src/encryption/payload-codec';
import { EMPLOYER, RECURRING, settled, viewWhen, webhook } from '../support/link-calls';
import type { HistoryEvent } from '../support/run-chain';
import { useWorld } from '../support/world';

jest.setTimeout(120_000);

const world = useWorld();
const RESULT_OF_VICTIM = 'Bluebird';
const REFUSED = 'belongs to another workflow';
const inputSchema = z.looseObject({ userId: z.string(), sealedAccessToken: z.string() });

/** A victim and an attacker, whose links wait for their webhooks. */
async function parties() {
  const [victim, mallory] = [await waitingLink(), await waitingLink()];
  return {
    victim,
    mallory,
    links: world.linkClient(),
    writer: new KeylessWriter(world),
  };
}

async function waitingLink(fromAccessToken = true) {
  const link = await world.start({ fromAccessToken });
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
  const codec = createNamedPayloadCodec({ keyRing: world.keyRing, namespace: 'default' });
  const [decoded] = await codec.decode([payload]);
  return Buffer.from(decoded?.data ?? []).toString();
}

/** Why a worker could not take the step that is under way; resolves once that has happened. */
async function refusedStep({ workflowId }: { workflowId: string }): Promise<string> {
  for (;;) {
    const { raw } = await world.client.workflow.getHandle(workflowId).describe();
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
  await world.stopWorker();
  await webhook(mallory.handle, EMPLOYER);
  await writer.answerTask(commandsOf(ofTask));
  await writer.completeStep(present(result?.payloads));
  await world.restartWorker();

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
  const { plaid, atomic, client } = world;
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
  const { plaid } = world;
  const exchanges = () => plaid.ledger.requests('/item/public_token/exchange').length;
  const before = exchanges();

  await world.stopWorker();
  await webhook(mallory.handle, EMPLOYER);
  await writer.answerTask(commandsOf([step]));
  await world.restartWorker();
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
  await world.stopWorker();
  const view = links.get(mallory.userId).then(JSON.stringify, String);
  await writer.answerQuery(present(outcome?.success?.payloads));
  expect(await view).not.toContain(victim.userId);
  await world.restartWorker();
  await mallory.handle.terminate();
});

it('opens no sealed token of a victim for another, not even where the key of payloads is known', async () => {
  const { victim, writer } = await parties();
  const { client, plaid, keyRing, taskQueue } = world;
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
  const { client, plaid, atomic, taskQueue } = world;
  const before = [plaid.ledger.lastSeq, atomic.ledger.lastSeq];
  const run = await client.workflow.start(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(`mallory-${randomUUID()}`),
    taskQueue,
    args: [{ userId: victim.userId, jobs: [EMPLOYER], sealedAccessToken: 'sealed' }],
  });
  await expect(run.result()).rejects.toMatchObject({ cause: { type: 'internal_error' } });
  expect([plaid.ledger.lastSeq, atomic.ledger.lastSeq]).toEqual(before);
});

type Command = temporal.api.command.v1.ICommand;

const { CommandType, QueryResultType } = temporal.api.enums.v1;
const IDENTITY = 'mallory';

/** Somebody who may read and write everything in the namespace, also as a worker, and has no key. */
class KeylessWriter {
  readonly #client: Client;
  readonly #taskQueue: { name: string };

  constructor({ client, taskQueue }: { client: Client; taskQueue: string }) {
    this.#client = client;
    this.#taskQueue = { name: taskQueue };
  }

  async history(workflowId: string): Promise<HistoryEvent[]> {
    return (await this.#client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
  }

  /** Starts a link with an input of another one. */
  async start(workflowId: string, payloads: Payload[]): Promise<void> {
    await this.#service.startWorkflowExecution({
      ...this.#caller(),
      workflowId,
      workflowType: { name: WORKFLOW_TYPE },
      taskQueue: this.#taskQueue,
      input: { payloads },
    });
  }

  async signal(workflowId: string, signalName: string, payloads: Payload[]): Promise<void> {
    await this.#service.signalWorkflowExecution({
      ...this.#caller(),
      workflowExecution: { workflowId },
      signalName,
      input: { payloads },
    });
  }

  /** Takes the next workflow task of the queue, as a worker does, and answers it with these commands. */
  async answerTask(commands: Command[]): Promise<void> {
    const { taskToken } = await this.#nextTask();
    await this.#service.respondWorkflowTaskCompleted({ ...this.#caller(), taskToken, commands });
  }

  /** Takes the next step of the queue, as a worker does, and completes it with this answer. */
  async completeStep(payloads: Payload[]): Promise<void> {
    const { taskToken } = await this.#poll(() =>
      this.#service.pollActivityTaskQueue({ ...this.#caller(), taskQueue: this.#taskQueue }),
    );
    await this.#service.respondActivityTaskCompleted({ ...this.#caller(), taskToken, result: { payloads } });
  }

  /** Takes the next query and answers it. */
  async answerQuery(payloads: Payload[]): Promise<void> {
    const { taskToken } = await this.#nextTask();
    await this.#service.respondQueryTaskCompleted({
      ...this.#caller(),
      taskToken,
      completedType: QueryResultType.QUERY_RESULT_TYPE_ANSWERED,
      queryResult: { payloads },
    });
  }

  get #service() {
    return this.#client.workflowService;
  }

  #caller() {
    return { namespace: this.#client.options.namespace, identity: IDENTITY, requestId: randomUUID() };
  }

  #nextTask(): Promise<{ taskToken: Uint8Array }> {
    return this.#poll(() =>
      this.#service.pollWorkflowTaskQueue({ ...this.#caller(), taskQueue: this.#taskQueue }),
    );
  }

  async #poll(take: () => Promise<{ taskToken: Uint8Array }>): Promise<{ taskToken: Uint8Array }> {
    for (;;) {
      const task = await this.#client.connection.withDeadline(Date.now() + 70_000, take);
      // An empty answer is the end of a long poll.
      if (task.taskToken.length > 0) return task;
    }
  }
}

/** The commands by which a worker made these events. */
function commandsOf(events: readonly HistoryEvent[]): Command[] {
  return events.map((event) => {
    const {
      activityTaskScheduledEventAttributes: step,
      timerStartedEventAttributes: timer,
      timerCanceledEventAttributes: cancelled,
      upsertWorkflowSearchAttributesEventAttributes: upsert,
    } = event;
    if (step) {
      const commandType = CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
      return { commandType, scheduleActivityTaskCommandAttributes: step };
    }
    if (timer) {
      const commandType = CommandType.COMMAND_TYPE_START_TIMER;
      return { commandType, startTimerCommandAttributes: timer };
    }
    if (cancelled) {
      const commandType = CommandType.COMMAND_TYPE_CANCEL_TIMER;
      return { commandType, cancelTimerCommandAttributes: cancelled };
    }
    if (upsert) {
      const commandType = CommandType.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES;
      return { commandType, upsertWorkflowSearchAttributesCommandAttributes: upsert };
    }
    throw new Error(`No command is known for ${String(event.eventType)}.`);
  });
}
