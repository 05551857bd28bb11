/** What every entry point does around its own work: settings, log, signals, exit. */
import type { DestinationStream } from 'pino';
import { SafeError } from '../contract/safe-error';
import { type AuditLog, createAuditLog } from '../logging/audit-log';
import type { LogLevel } from '../logging/log-level';
import { loggedError } from '../logging/loggable';
import { createLogger, type Logger } from '../logging/logger';
import type { Env } from '../settings/environment';
import type { SettingsOf } from '../settings/schema';
import type { commandSchema } from '../settings/schemas';
import { SettingsError } from '../settings/settings-error';
import { readEnvironment } from './environment';

/** Something that runs until it is closed. */
export interface Running {
  /** On SIGTERM, before it closes: says that it is not ready, and serves on for a while. */
  drain?(): Promise<void>;
  /** Takes nothing new, finishes what it has, frees what it holds. */
  close(): Promise<void>;
  /** Settles when it ends by itself: resolves when its work is done, rejects when it cannot continue. */
  ended?: Promise<void>;
  /** On SIGHUP. */
  reload?(): void;
}

export interface StartContext<Settings> {
  settings: Settings;
  logger: Logger;
  /** Writes whatever LOG_LEVEL is. */
  audit: AuditLog;
  /** Aborts when the process was asked to stop before its start was over. */
  stop: AbortSignal;
}

/** What every process has of settings. */
type ProcessSettings = SettingsOf<typeof commandSchema>;

export interface Entry<Settings extends ProcessSettings> {
  name: string;
  readSettings(env: Env): Settings;
  start(context: StartContext<Settings>): Promise<Running>;
  /** Where `LOG_LEVEL` is not set. Default `info`. */
  logLevel?: LogLevel;
  /** Default: standard output. */
  logTo?: DestinationStream;
}

/** Two deliveries of one Ctrl-C: from the terminal, and from npm, which passes it on. */
const SAME_SIGNAL_MS = 750;
const STOP_DURING_START_MS = 3_000;
const EXIT_CODE_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs an entry point to its end, and the process with it. Exit codes: 0 when it was asked to stop or its work is done, 1
 * for wrong settings or a failure, 128 and the signal's number for a second signal.
 */
export async function runEntry<Settings extends ProcessSettings>(entry: Entry<Settings>): Promise<void> {
  let settings: Settings;
  try {
    settings = entry.readSettings(readEnvironment());
  } catch (error) {
    exitOnBadSettings(entry.name, error);
  }
  const logger = createLogger({
    name: entry.name,
    level: settings.logLevel ?? entry.logLevel ?? 'info',
    ...(entry.logTo && { destination: entry.logTo }),
  });
  const audit = createAuditLog(entry.name, entry.logTo);
  // Node would print the error whole, and with it whatever an HTTP client has hung on it.
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception');
    process.exit(1);
  });
  const asked = untilAskedToStop(logger);
  let started = false;
  try {
    asked.signal.addEventListener('abort', () => {
      // A start that is not over by then does not watch for it; there is nothing to drain yet.
      setTimeout(() => started || process.exit(0), STOP_DURING_START_MS).unref();
    });
    const running = await entry.start({ settings, logger, audit, stop: asked.signal });
    started = true;
    if (running.reload) process.on('SIGHUP', () => running.reload?.());
    const signal = await Promise.race([asked.promise, running.ended ?? asked.promise]);
    if (signal === 'SIGTERM') await running.drain?.();
    await running.close();
    // A command may have set another code.
    process.exit();
  } catch (error) {
    if (asked.signal.aborted && isAbort(error)) process.exit(0);
    const isForPeople = error instanceof SafeError;
    if (isForPeople) process.stderr.write(`${entry.name}: ${error.message}\n`);
    // A command at a terminal has said it once.
    if (!isForPeople || !entry.logTo) logger.fatal({ err: error }, 'cannot continue');
    process.exit(1);
  }
}

/** Prints what is wrong with the settings, and ends the process. */
function exitOnBadSettings(name: string, error: unknown): never {
  const text =
    error instanceof SettingsError
      ? `processor-link ${name} cannot start. ${error.message}`
      : `processor-link ${name} cannot start: ${JSON.stringify(loggedError(error))}`;
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function untilAskedToStop(logger: Logger): {
  promise: Promise<keyof typeof EXIT_CODE_OF_SIGNAL>;
  signal: AbortSignal;
} {
  const controller = new AbortController();
  let askedAtMs: number | undefined;
  const promise = new Promise<keyof typeof EXIT_CODE_OF_SIGNAL>((resolve) => {
    const onSignal = (name: keyof typeof EXIT_CODE_OF_SIGNAL) => {
      if (askedAtMs === undefined) {
        askedAtMs = performance.now();
        logger.info({ signal: name }, 'stopping');
        controller.abort();
        resolve(name);
      } else if (performance.now() - askedAtMs > SAME_SIGNAL_MS) {
        logger.warn({ signal: name }, 'stopping at once');
        process.exit(EXIT_CODE_OF_SIGNAL[name]);
      }
    };
    process.on('SIGINT', () => onSignal('SIGINT'));
    process.on('SIGTERM', () => onSignal('SIGTERM'));
  });
  return { promise, signal: controller.signal };
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
