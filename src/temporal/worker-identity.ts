/** How workers call themselves in Temporal's list of pollers. */
import { hostname } from 'node:os';

const KEYS = ' keys:';

/** The process and its machine, as the SDK has it by default, and the digest of the keys that it has. */
export function workerIdentity(keysDigest: string): string {
  return `${process.pid}@${hostname()}${KEYS}${keysDigest}`;
}

/** The parts of an identity; undefined where it is not made by {@link workerIdentity}. */
export function readWorkerIdentity(identity: string): { worker: string; keysDigest: string } | undefined {
  const [worker = '', keysDigest] = identity.split(KEYS);
  return keysDigest === undefined ? undefined : { worker, keysDigest };
}
