/** Reads of all kinds, all the time: every history has to replay. */
import { QueryNotRegisteredError } from '@temporalio/client';
import { QUERIES, UPDATES } from '../../src/contract/names';
import { grpcCodeOf } from '../../src/link-client/link-client-error';
import { GRPC_STATUS } from '../../src/temporal/grpc-status';
import { EMPLOYER, type Handle, RECURRING, settled, webhook } from '../support/link-calls';
import { expectToReplay } from '../support/replay';
import { useWorld } from '../support/world';

const LINKS = 3;
const RUNS_OF_A_JOB = 2;

jest.setTimeout(180_000);

/** So few that links are evicted while they are read. */
const world = useWorld({ maxCachedWorkflows: 2 });

it('leaves histories that replay, however often links are read while their steps are under way', async () => {
  const handles = await Promise.all(Array.from({ length: LINKS }, () => liveAndBeRead()));
  await expectToReplay(world, handles);
});

/** A whole life with both jobs run again and again, read all the while. */
async function liveAndBeRead(): Promise<Handle> {
  const { handle } = await world.start({ jobs: [EMPLOYER, RECURRING] });
  let isOver = false;
  // The API's reads, and those of the Temporal UI, which no interceptor of queries sees.
  const queries = [QUERIES.getLink, QUERIES.getLink, '__temporal_workflow_metadata', '__stack_trace'];
  const reading = queries.map(async (query) => {
    while (!isOver) await handle.query(query).catch(mayBeAskedAgain);
  });
  for (let run = 0; run < RUNS_OF_A_JOB; run += 1) {
    for (const job of [EMPLOYER, RECURRING]) {
      if (run > 0) await handle.executeUpdate(UPDATES.runJob, { args: [{ job }] });
      await webhook(handle, job);
      expect((await settled(handle, job))?.state).toBe('completed');
    }
  }
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
  isOver = true;
  await Promise.all(reading);
  return handle;
}

/**
 * Of a run that closes, the SDK drops the queries that it has not come to, one that met new events of its run is refused
 * (`workflows/sdk/early-events.ts`), and the server takes only so many at once: they are answered when asked again.
 */
function mayBeAskedAgain(error: unknown): void {
  const passing: (number | undefined)[] = [GRPC_STATUS.DEADLINE_EXCEEDED, GRPC_STATUS.RESOURCE_EXHAUSTED];
  if (!(error instanceof QueryNotRegisteredError) && !passing.includes(grpcCodeOf(error))) throw error;
}
