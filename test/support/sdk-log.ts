import { DefaultLogger, type LogEntry, type LogLevel, Runtime } from '@temporalio/worker';

/**
 * Installs the SDK's runtime for the tests of one file, before its first worker. Entries of `level` and above are printed, or
 * go to `sink`. An error of the SDK's core fails the file: workflows that it happens to may never replay.
 */
export function useSdkLog(level: LogLevel = 'ERROR', sink: (entry: LogEntry) => void = print): void {
  const coreErrors: string[] = [];
  beforeAll(() => {
    const logger = new DefaultLogger(level, (entry) => {
      if (entry.meta?.sdkComponent === 'core' && entry.level === 'ERROR') coreErrors.push(entry.message);
      sink(entry);
    });
    Runtime.install({
      logger,
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
  });
  afterAll(() => expect(coreErrors).toEqual([]));
}

function print({ level, message, meta }: LogEntry): void {
  process.stderr.write(`[${level}] ${message} ${JSON.stringify(meta)}\n`);
}
