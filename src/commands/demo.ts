/** `npm run demo`: the main job from nothing, over real HTTP, shown as it happens. `--keep` leaves all running. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { JOBS } from '../contract/jobs';
import { DEFAULT_TASK_QUEUE, workflowIdOf } from '../contract/names';
import { jobResultSchema, type LinkView, linkViewSchema } from '../contract/schemas';
import { type LocalStack, startLocalStack } from '../local/stack';
import { withFallback } from '../process/environment';
import { type Entry, runEntry } from '../process/run-entry';
import { StartError } from '../process/start-error';
import { productionBy } from '../settings/environment';
import { type LocalSettings, localSchema } from '../settings/schemas';
import { SettingsError } from '../settings/settings-error';
import { orSayWhatIsWrong, readCommandLine } from './command-line';
import { resultTable } from './demo/result-table';
import { styleFor, Timeline } from './demo/timeline';
import { wrapped } from './links/output';
import { proveKeys } from './start/prove-keys';
import { isColourful, terminalLog } from './start/terminal-log';

/** Long enough to see the link wait for Atomic. */
const JOB_DELAY_MS = 1_500;
const LOOK_EVERY_MS = 50;
/** Any free port; and real Atomic cannot reach this machine without a PUBLIC_URL, so the result is asked for soon. */
const DEFAULTS = { PORT: '0', RESULT_OVERDUE_AFTER: '20s' };
/** A long poll answers within a minute; real Atomic may take several. */
const RESULT_WAITS = 15;

const style = styleFor(isColourful(process.stdout));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const entry: Entry<LocalSettings> = {
  name: 'demo',
  readSettings(env) {
    const name = productionBy(env);
    if (name !== undefined) {
      const what = "is production: the demo links a made-up user, in Plaid's Sandbox or simulated";
      throw new SettingsError([{ name, what }]);
    }
    return localSchema.read(withFallback(env, DEFAULTS));
  },
  logLevel: 'error',
  logTo: terminalLog(process.stderr) ?? pino.destination(2),
  async start(context) {
    const { keep } = readArguments();
    const { settings } = context;
    say(style.bold('processor-link: one user, both jobs, from a public token to nothing left\n'));
    await proveKeys(settings);
    for (const line of wrapped(partsOf(settings), '')) say(line);
    const startedAt = performance.now();
    const timeline = new Timeline(say, style, process.stdout.columns);
    const stack = await startLocalStack({
      ...context,
      // The demo is a show, and shows what it does in its own way.
      audit: () => undefined,
      settings,
      env: process.env,
      // A server that is there already may have workers of its own.
      taskQueue: settings.temporalIsGiven ? `demo-${randomBytes(4).toString('hex')}` : DEFAULT_TASK_QUEUE,
      ports: { api: settings.http.port, codec: 0, temporal: 0, ui: 0 },
      jobDelayMs: JOB_DELAY_MS,
      say,
      watch: {
        plaid: (plaid) => timeline.plaid(plaid),
        atomic: (atomic) => timeline.atomic(atomic),
      },
    });
    timeline.add('demo', `all is up: API ${stack.apiUrl}`, { tookMs: performance.now() - startedAt });
    const story = tell(stack, timeline, context.stop).then(() => {
      say(style.green(`\nDone in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`));
      if (!keep) return undefined;
      say(kept(stack));
      return new Promise<void>(() => undefined);
    });
    return { ...stack, ended: Promise.race([story, stack.ended]) };
  },
};

/** What is real and what is not. */
function partsOf({ plaid, atomic, temporalIsGiven, temporal }: LocalSettings): string {
  const server = temporalIsGiven
    ? `On the Temporal server at ${temporal.connectConfig.connectionOptions.address}: starting`
    : 'Starting a Temporal server,';
  const banks = plaid ? `Plaid's real Sandbox (${plaid.baseUrl})` : 'a simulated Plaid';
  const reader = atomic ? `the real Atomic (${atomic.baseUrl})` : 'a simulated Atomic';
  return `${server} a worker and the API, with ${banks} and ${reader} …`;
}

/** The link's life, told by what the API answers and the simulators see. Throws when anything is not as it should be. */
async function tell(stack: LocalStack, timeline: Timeline, stop: AbortSignal): Promise<void> {
  const userId = `demo-${randomBytes(4).toString('hex')}`;
  const following = new AbortController();
  const signal = AbortSignal.any([stop, following.signal]);
  followWebhooks(stack, timeline, signal);

  const webhookUrl = `${stack.publicUrl}/webhooks/plaid/${userId}`;
  const { publicToken } = await timeline.plaid(stack.plaid).createSandboxPublicToken({ webhookUrl });
  const startedAt = performance.now();
  const started = await call(stack, 'POST', '/v1/links', { userId, publicToken, jobs: JOBS });
  const link = linkViewSchema.parse(started.body);
  timeline.add('to us', 'POST /v1/links', {
    tookMs: performance.now() - startedAt,
    note: `${started.status}: user ${userId}, ${JOBS.length} jobs`,
  });
  const watching = followStates(stack, timeline, link, signal);
  // A failure surfaces where it is awaited.
  watching.catch(() => undefined);

  for (const job of JOBS) {
    const result = await resultOf(stack, userId, job);
    say(`\n${style.bold(job)}`);
    for (const line of resultTable(job, result)) say(`  ${line}`);
  }
  if (stack.uiUrl !== undefined) {
    const workflow = encodeURIComponent(workflowIdOf(userId));
    say(
      `\nThe run in the Temporal UI:\n${stack.uiUrl}/namespaces/${stack.namespace}/workflows/${workflow}/${link.runId}/history`,
    );
  }

  say('');
  const unlinkAt = performance.now();
  const unlinked = await call(stack, 'DELETE', `/v1/links/${userId}?waitSeconds=60`);
  await watching;
  timeline.add('to us', `DELETE /v1/links/${userId}`, {
    tookMs: performance.now() - unlinkAt,
    note: `${unlinked.status}`,
  });
  following.abort();
  const { state } = linkViewSchema.parse(unlinked.body);
  if (state !== 'unlinked') throw new StartError(`The link should be unlinked, and it is ${state}.`);
  showNothingLeft(stack, userId);
}

async function resultOf(stack: LocalStack, userId: string, job: string): Promise<unknown> {
  for (let wait = 0; wait < RESULT_WAITS; wait++) {
    const { body } = await call(stack, 'GET', `/v1/links/${userId}/jobs/${job}?waitSeconds=60`);
    const { state, result, error } = jobResultSchema.parse(body);
    if (state === 'completed') return result;
    if (state === 'failed') throw new StartError(`${job} failed: ${error?.code} ${error?.message}`);
  }
  throw new StartError(`${job} has no result after ${RESULT_WAITS} minutes.`);
}

function showNothingLeft({ providers }: LocalStack, userId: string): void {
  const { plaidSimulator, atomicSimulator } = providers;
  say('');
  if (plaidSimulator) {
    const { items, orphanedItems, liveProcessorTokens } = plaidSimulator.leftovers(userId);
    say(
      `Plaid holds of ${userId}: ${items.length + orphanedItems.length} Items, ${liveProcessorTokens} processor tokens`,
    );
    if (!plaidSimulator.nothingLeft(userId)) throw new StartError('Something of the user is left at Plaid.');
  }
  if (atomicSimulator) {
    const { registrations } = atomicSimulator.leftovers(userId);
    say(`Atomic holds of ${userId}: ${registrations.length} registrations`);
    if (!atomicSimulator.nothingLeft(userId))
      throw new StartError('Something of the user is left at Atomic.');
  }
}

/** A line for each state that the link comes to, until it has closed. */
async function followStates(
  stack: LocalStack,
  timeline: Timeline,
  first: LinkView,
  signal: AbortSignal,
): Promise<void> {
  let shown = '';
  let link = first;
  while (!signal.aborted) {
    const jobs = JOBS.map((job) => link.jobs[job]?.state ?? '-').join(', ');
    const text = `${link.state} (${jobs})`;
    if (text !== shown) timeline.state(text);
    shown = text;
    if (link.state === 'unlinked' || link.state === 'failed') return;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    const { body } = await call(stack, 'GET', `/v1/links/${first.userId}`);
    link = linkViewSchema.parse(body);
  }
}

/** A line for each webhook that the simulated Atomic sends. */
function followWebhooks({ providers }: LocalStack, timeline: Timeline, signal: AbortSignal): void {
  const ledger = providers.atomicSimulator?.ledger;
  if (!ledger) return;
  const follow = async () => {
    let afterSeq = ledger.lastSeq;
    while (!signal.aborted) {
      const entry = await ledger.waitFor((one) => one.kind === 'effect' && one.name === 'webhook_sent', {
        afterSeq,
        timeoutMs: 600_000,
      });
      afterSeq = entry.seq;
      if (entry.kind !== 'effect') continue;
      const { job, status } = entry.details;
      timeline.add('to us', 'POST /webhooks/atomic', {
        note: `${status}: Atomic says that ${job} has finished`,
      });
    }
  };
  // It ends when the simulator is closed.
  follow().catch(() => undefined);
}

async function call(
  { apiUrl, apiKey }: LocalStack,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(apiUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${apiKey.reveal()}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) {
    const detail = typeof answer === 'object' && answer !== null && 'detail' in answer ? answer.detail : '';
    throw new StartError(`${method} ${path.split('?')[0]} answered ${response.status}. ${detail}`);
  }
  return { status: response.status, body: answer };
}

function kept(stack: LocalStack): string {
  return [
    '\nAll is left running. Ctrl-C ends it.',
    `  API          ${stack.apiUrl}`,
    `               Authorization: Bearer ${stack.shownApiKey ?? '<one of API_KEYS>'}`,
    `  Temporal UI  ${stack.uiUrl ?? 'that of your server'}`,
    `  Temporal     ${stack.temporalAddress}`,
  ].join('\n');
}

function readArguments(): { keep: boolean } {
  const usage = 'The only argument is --keep: leave all running until Ctrl-C.\n';
  return orSayWhatIsWrong(
    'demo',
    usage,
    () => readCommandLine({ options: { keep: { type: 'boolean', default: false } } }).values,
  );
}

void runEntry(entry);
