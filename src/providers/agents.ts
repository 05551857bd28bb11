import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';

/** Shorter than load balancers usually keep an idle connection, so that a call seldom meets a closed one. */
const IDLE_CONNECTION_TIMEOUT_MS = 30_000;
/** Name look-up, TCP and TLS together. */
const CONNECT_TIMEOUT_MS = 5_000;

export interface Agents {
  httpAgent: HttpAgent;
  httpsAgent: HttpsAgent;
}

/** Errors of connections that never came about, so that no byte of a request was sent on them. */
const neverConnected = new WeakSet<object>();

/** Whether a call failed before it had a connection: it cannot have reached the provider. */
export function failedToConnect(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  // axios keeps the socket's own error as the cause of its own.
  return neverConnected.has(error) || ('cause' in error && failedToConnect(error.cause));
}

/**
 * Agents that keep connections open, with a deadline for connecting of its own: a call that cannot have reached the
 * provider is told from one that may have.
 */
export function createAgents(connectTimeoutMs = CONNECT_TIMEOUT_MS): Agents {
  const options = { keepAlive: true, timeout: IDLE_CONNECTION_TIMEOUT_MS };
  return {
    httpAgent: limited(new HttpAgent(options), 'connect', connectTimeoutMs),
    httpsAgent: limited(new HttpsAgent(options), 'secureConnect', connectTimeoutMs),
  };
}

function limited<A extends HttpAgent>(agent: A, connectedEvent: string, timeoutMs: number): A {
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => {
    const socket = createConnection(...args);
    if (socket) watch(socket, connectedEvent, timeoutMs);
    return socket;
  };
  return agent;
}

function watch(socket: Duplex, connectedEvent: string, timeoutMs: number): void {
  const timer = setTimeout(() => socket.destroy(new Error('No connection in time.')), timeoutMs);
  const failed = (error: Error) => {
    neverConnected.add(error);
    settled();
  };
  const settled = () => {
    clearTimeout(timer);
    socket.off('error', failed).off('close', settled).off(connectedEvent, settled);
  };
  // First of all listeners: whoever is told of the error next may ask about it at once.
  socket.prependOnceListener('error', failed);
  socket.once('close', settled).once(connectedEvent, settled);
}
