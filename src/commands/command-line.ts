import { type ParseArgsConfig, parseArgs } from 'node:util';
import { StartError } from '../process/start-error';

/** As Node's `parseArgs`, but for what it throws: {@link StartError}, in Node's words. */
export function readCommandLine<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : 'The arguments could not be read.');
  }
}

/** Runs what reads arguments. A {@link StartError} is said on standard error, with `usage`, and ends the process with 1. */
export function orSayWhatIsWrong<T>(name: string, usage: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n${usage}`);
    process.exit(1);
  }
}
