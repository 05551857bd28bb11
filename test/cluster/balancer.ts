import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Target {
  host: string;
  port: number;
}

/** A TCP load balancer: each connection goes to the next target in turn, past those that take none. */
export class Balancer {
  readonly #targets: readonly Target[];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #turn = 0;
  #port = 0;

  private constructor(targets: readonly Target[]) {
    this.#targets = targets;
    this.#server = createServer((inbound) => {
      this.#watch(inbound);
      this.#turn += 1;
      this.#forward(inbound, 0, this.#turn);
    });
  }

  static async before(targets: readonly Target[]): Promise<Balancer> {
    const balancer = new Balancer(targets);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    const address = balancer.#server.address();
    if (address !== null && typeof address === 'object') balancer.#port = address.port;
    return balancer;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #forward(inbound: Socket, attempt: number, turn: number): void {
    const target = this.#targets[(turn + attempt) % this.#targets.length];
    if (target === undefined || attempt >= this.#targets.length) {
      inbound.destroy();
      return;
    }
    const outbound = connect(target);
    const next = () => this.#forward(inbound, attempt + 1, turn);
    outbound.once('error', next);
    outbound.once('connect', () => {
      outbound.off('error', next);
      this.#watch(outbound);
      inbound.on('close', () => outbound.destroy());
      outbound.on('close', () => inbound.destroy());
      if (inbound.destroyed) outbound.destroy();
      else inbound.pipe(outbound).pipe(inbound);
    });
  }
}
