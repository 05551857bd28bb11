import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import pino from 'pino';
import { SafeError } from '../../contract/safe-error';
import { LinkClient } from '../../link-client/link-client';
import { runEntry } from '../../process/run-entry';
import type { SettingsOf } from '../../settings/schema';
import { linksSchema } from '../../settings/schemas';
import { EXIT } from './exit-codes';
import { type OperatorTemporal, openTemporal } from './open-temporal';
import { printJson } from './output';

/** What a command works with. */
export interface LinksSession extends OperatorTemporal {
  settings: SettingsOf<typeof linksSchema>;
  links: LinkClient;
  /** What went wrong, in words that are safe to show. */
  explain(error: unknown): Explanation;
}

export interface Explanation {
  code: string;
  message: string;
  exitCode: number;
}

/** A whole command takes no longer than this at Temporal's side; `links` of a thousand users need minutes. */
const CALL_TIMEOUT_MS = 10 * 60_000;
const CONNECT_TIMEOUT_MS = 3_000;

/** Runs a command to its end, and the process with it. `work` answers the exit code. */
export function runLinksCommand(
  { json }: { json: boolean },
  work: (session: LinksSession) => Promise<number>,
): Promise<void> {
  return runEntry({
    name: 'links',
    readSettings: linksSchema.read,
    logLevel: 'error',
    logTo: pino.destination(2),
    async start({ settings, logger }) {
      const temporal = await openTemporal(settings.temporal, logger);
      const { connection, client, namespace, taskQueue, keyRing } = temporal;
      const address = settings.temporal.connectConfig.connectionOptions.address ?? 'localhost:7233';
      const explain = (error: unknown) => described(error, address, namespace);
      const session = {
        ...temporal,
        settings,
        explain,
        links: new LinkClient({ client, keyRing, sealingPublicKey: settings.sealingPublicKey, taskQueue }),
      };
      const run = async () => {
        try {
          await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
            connection.workflowService.describeNamespace({ namespace }),
          );
          process.exitCode = await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => work(session));
        } catch (error) {
          process.exitCode = report(explain(error), json);
        }
      };
      return { ended: run(), close: () => connection.close() };
    },
  });
}

/** Says what went wrong, as JSON on standard output or as a line on standard error. */
function report({ code, message, exitCode }: Explanation, json: boolean): number {
  if (json) printJson({ error: { code, message } });
  else process.stderr.write(`links: ${message}\n`);
  return exitCode;
}

const GRPC = { invalidArgument: 3, deadlineExceeded: 4, notFound: 5, unavailable: 14 } as const;

function described(error: unknown, address: string, namespace: string): Explanation {
  const cause = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(cause)) {
    if (cause.code === GRPC.unavailable || cause.code === GRPC.deadlineExceeded) {
      const message = `Temporal at ${address} did not answer. Check TEMPORAL_ADDRESS, and that it runs.`;
      return { code: 'temporal_unavailable', message, exitCode: EXIT.temporalAway };
    }
    if (cause.code === GRPC.notFound) {
      const message = `Not found in namespace ${namespace}: ${cause.details}`;
      return { code: 'not_found', message, exitCode: EXIT.failed };
    }
    if (cause.code === GRPC.invalidArgument) {
      return { code: 'invalid_request', message: cause.details, exitCode: EXIT.failed };
    }
    return { code: 'temporal_unavailable', message: cause.details, exitCode: EXIT.failed };
  }
  if (error instanceof SafeError) {
    const code: unknown = Reflect.get(error, 'code');
    return {
      code: typeof code === 'string' ? code : 'invalid_request',
      message: error.message,
      exitCode: code === 'temporal_unavailable' ? EXIT.temporalAway : EXIT.failed,
    };
  }
  const message =
    error instanceof Error ? `${error.name}: something unexpected went wrong.` : 'Unknown error.';
  return { code: 'internal_error', message, exitCode: EXIT.failed };
}
