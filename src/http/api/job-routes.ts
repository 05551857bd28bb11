import { type JobResult, jobResultSchema, linkViewSchema } from '../../contract/schemas';
import { JsonText } from '../server/json-text';
import { type Answer, defineRoute, type Route } from '../server/route';
import type { LinkGateway } from './deps';
import { jobParamsSchema, runJobRequestSchema, userParamsSchema, waitQuerySchema } from './schemas';

const TAG = 'Jobs';

/** `closing` aborts when the server is about to stop: waits under way are then answered at once. */
export function jobRoutes(links: LinkGateway, closing: AbortSignal): Route[] {
  return [
    defineRoute(
      {
        method: 'POST',
        url: '/v1/links/:userId/jobs',
        operationId: 'runJob',
        summary: 'Run a job for a linked user',
        description:
          'Adds a job, or runs one again: the old result is read until the new one is there. A job that is running is joined.',
        tag: TAG,
        access: 'link',
        answers: { 202: { description: 'The job is in progress.', schema: linkViewSchema } },
        problems: ['not_linked', 'temporal_unavailable'],
      },
      { params: userParamsSchema, body: runJobRequestSchema },
      async ({ params: { userId }, body: { job } }, { requestId }) => ({
        status: 202,
        body: await links.runJob(userId, job, { requestId }),
      }),
    ),
    defineRoute(
      {
        method: 'GET',
        url: '/v1/links/:userId/jobs/:job',
        operationId: 'getJob',
        summary: "Read a job's state and result",
        description:
          'With `waitSeconds`, the answer comes as soon as the job is settled, or when the time is up.',
        tag: TAG,
        access: 'results',
        answers: { 200: { description: 'The job as it is now.', schema: jobResultSchema } },
        problems: ['link_not_found', 'job_not_found', 'temporal_unavailable'],
      },
      { params: jobParamsSchema, query: waitQuerySchema },
      async ({ params: { userId, job }, query: { waitSeconds } }, { requestId, callerGone }) => {
        const waitMs = waitSeconds * 1000;
        const gone = callerGone();
        // `closing` is as old as the process, so what hangs on it is taken off again below.
        const stop = new AbortController();
        const { signal } = stop;
        const abort = () => stop.abort();
        gone.addEventListener('abort', abort);
        closing.addEventListener('abort', abort);
        if (closing.aborted) abort();
        try {
          return answerOf(await links.waitForJob(userId, job, { waitMs, signal, requestId }));
        } catch (error) {
          if (gone.aborted || !closing.aborted || waitMs === 0) throw error;
          return answerOf(await links.waitForJob(userId, job, { waitMs: 0, requestId }));
        } finally {
          closing.removeEventListener('abort', abort);
        }
      },
    ),
  ];
}

/** The result's text is put in as Atomic sent it. */
function answerOf({ job, state, resultText, error }: JobResult): Answer {
  const rest = JSON.stringify({ job, state, ...(error && { error }) });
  const text = resultText === undefined ? rest : `${rest.slice(0, -1)},"result":${resultText}}`;
  return { status: 200, body: new JsonText(text) };
}
