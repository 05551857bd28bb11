import { DefaultLogger, type LogEntry, Runtime } from '@temporalio/worker';

/**
 * Installs the SDK's runtime for the tests of one file, before its first worker, and answers what is logged from then on.
 * Errors are printed too. An error of the SDK's core fails the file: workflows that it happens to may never replay.
 */
export function useSdkLog(): readonly LogEntry[] {
  const logs: LogEntry[] = [];
  beforeAll(() => {
    const logger = new DefaultLogger('INFO', (entry) => {
      logs.push(entry);
      const { level, message, meta } = entry;
      if (level === 'ERROR') process.stderr.write(`[${level}] ${message} ${JSON.stringify(meta)}\n`);
    });
    Runtime.install({
      logger,
      telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
    });
  });
  afterAll(() => {
    const errors = logs.filter(({ level, meta }) => level === 'ERROR' && meta?.sdkComponent === 'core');
    expect(errors.map(({ message }) => message)).toEqual([]);
  });
  return logs;
}
