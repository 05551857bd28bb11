import pino, { type DestinationStream } from 'pino';
import { standardOutput } from './standard-output';

/** Who did what to whom, from where, and what came of it. Ids, names and codes alone. */
export interface AuditEvent {
  /** Such as `startLink`, `unlink`, `decode`. */
  action: string;
  /** Name of the API key or codec token, or the subject of the login; undefined where none was right. */
  caller: string | undefined;
  user: string | undefined;
  address: string;
  /** `done`, the code of the problem that was answered, or `caller_gone`. */
  outcome: string;
  status: number;
  requestId: string;
  /** Of the codec server. */
  namespace?: string;
  workflowIds?: readonly string[];
}

export type AuditLog = (event: AuditEvent) => void;

/** Writes events as JSON lines, whatever LOG_LEVEL says. */
export function createAuditLog(name: string, destination: DestinationStream = standardOutput()): AuditLog {
  const lines = pino(
    {
      base: { name, audit: true },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  );
  return (event) => lines.info(event);
}
