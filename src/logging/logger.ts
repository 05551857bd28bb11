import type { Logger as TemporalLogger } from '@temporalio/worker';
import pino, { type DestinationStream, type Logger } from 'pino';
import { erasedUserOf, userIdOf } from '../contract/names';
import type { LogLevel } from './log-level';
import { hasSafeMessage, isError, loggable, loggedError } from './loggable';
import { standardOutput } from './standard-output';

/** What the SDK says of a run that ends with a failure of ours; one of any other kind fails its task instead. */
const WORKFLOW_FAILED = 'Workflow failed';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** Of the process: `api`, `worker`. */
  name: string;
  level: LogLevel;
  /** Default: standard output. */
  destination?: DestinationStream;
}

/**
 * JSON lines. Errors are cut down to allow-listed fields wherever they turn up in a line, and the message of a foreign
 * error never becomes the line's.
 */
export function createLogger({ name, level, destination = standardOutput() }: LoggerOptions): Logger {
  const options = {
    name,
    level,
    serializers: { err: toLoggable, error: toLoggable },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => {
        const line: Record<string, unknown> = {};
        for (const field of Object.keys(fields)) line[field] = toLoggable(fields[field]);
        return line;
      },
    },
    timestamp: isoTime(),
    hooks: {
      // pino would take the message of an error for the line's, and print errors among the arguments whole.
      logMethod(this: Logger, args: unknown[], method: (...args: unknown[]) => void) {
        const [first, message, ...rest] = args;
        if (isError(first)) {
          method.call(this, { err: first }, messageBeside(first, message), ...rest.map(printed));
        } else if (isRecord(first)) {
          const error = [first.err, first.error].find(isError);
          const text = error || message !== undefined ? [messageBeside(error, message)] : [];
          method.call(this, first, ...text, ...rest.map(printed));
        } else {
          method.call(this, ...args.map(printed));
        }
      },
    },
  } satisfies pino.LoggerOptions;
  return pino(options, destination);
}

/** The Temporal SDK's lines, and those of workflows and activities, as lines of ours. */
export function temporalLogger(logger: Logger): TemporalLogger {
  const write =
    (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: object) => {
      // The SDK has a line or two at `debug` for each step.
      if (logger.isLevelEnabled(level)) logger[level](fieldsOf(message, meta), message);
    };
  const [trace, debug, info, warn, error] = [
    write('trace'),
    write('debug'),
    write('info'),
    write('warn'),
    write('error'),
  ];
  const byLevel = { TRACE: trace, DEBUG: debug, INFO: info, WARN: warn, ERROR: error };
  return {
    log: (level, message, meta) => byLevel[level](message, meta),
    trace,
    debug,
    info,
    warn,
    error,
  };
}

/** What only the SDK knows how to read; `task` and `taskEncoded` are a whole task, with what is encrypted in it. */
const OF_THE_SDK = ['taskToken', 'isLocal', 'task', 'taskEncoded'];

/** With the user whose workflow it is about, and without what only the SDK knows how to read. */
function fieldsOf(message: string, meta: object = {}): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.fromEntries(
    Object.entries(meta).filter(([name]) => !OF_THE_SDK.includes(name)),
  );
  const { workflowId, error } = fields;
  const userId = typeof workflowId === 'string' ? userOf(workflowId) : undefined;
  return {
    ...fields,
    ...(userId !== undefined && { userId }),
    // On its way from the workflow the failure has lost its type; the run and the steps before it have the cause.
    ...(message === WORKFLOW_FAILED && isError(error) && { error: error.name }),
  };
}

/** Of a link, one of its notifications, or an erasure. */
function userOf(workflowId: string): string | undefined {
  return userIdOf(workflowId)?.split('/', 1)[0] ?? erasedUserOf(workflowId);
}

/** pino's ISO time, made once a millisecond. */
function isoTime(): () => string {
  let atMs = 0;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== atMs) {
      atMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}

/** pino hands values that its formatter has seen to the serializers again. */
function toLoggable(value: unknown): unknown {
  return loggable(value);
}

/** The line's message: the one given, unless it only repeats what a foreign error says. */
function messageBeside(error: Error | undefined, message: unknown): string {
  const text = typeof message === 'string' ? message : undefined;
  if (!error) return text ?? '';
  const repeats = text === undefined || (error.message !== '' && text.includes(error.message));
  if (!repeats) return text;
  return hasSafeMessage(error) ? error.message : error.name;
}

function printed(value: unknown): unknown {
  return isError(value) ? loggedError(value).name : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
