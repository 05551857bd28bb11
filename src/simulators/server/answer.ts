import type { Readable } from 'node:stream';

/** What a simulated endpoint answers. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Sent as it is. */
  payload: string | Readable;
  /** The provider's error code, for the ledger. */
  code?: string;
  /** Called when the request had its effect and the caller never got this answer. */
  onLost?: () => void;
}

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    payload: JSON.stringify(body),
  };
}
