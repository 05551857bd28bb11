import pino, { type DestinationStream } from 'pino';

/**
 * Standard output, for log lines. Written at once: what pino keeps back for later it would try to write at the process's end
 * for ever where whoever read it is gone (sonic-boom 4.2, `flushSync` at EPIPE).
 */
export function standardOutput(): DestinationStream {
  return pino.destination({ dest: 1, sync: true });
}
