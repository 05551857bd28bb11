import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';

/** Names the door of the run, for the test files. */
export const DOOR_VARIABLE = 'PROCESSOR_LINK_TEST_TEMPORAL';

/**
 * What all test files of a run share, made on the first request for it. Test files live in other processes than the
 * global set-up, so they ask over HTTP; the set-up's process owns what is made, and so it is made once.
 */
export class RunDoor {
  readonly #makers: Record<string, () => Promise<unknown>>;
  readonly #made = new Map<string, Promise<unknown>>();
  readonly #server: Server;

  constructor(makers: Record<string, () => Promise<unknown>>) {
    this.#makers = makers;
    this.#server = createServer(async (request, response) => {
      try {
        response.end(JSON.stringify(await this.#make((request.url ?? '').slice(1))));
      } catch (error) {
        response.statusCode = 500;
        response.end(error instanceof Error ? error.message : String(error));
      }
    });
    // A build from source keeps the asker waiting for minutes.
    this.#server.requestTimeout = 0;
  }

  #make(name: string): Promise<unknown> {
    const maker = this.#makers[name];
    if (maker === undefined) throw new Error(`Nothing is called ${name}.`);
    const made = this.#made.get(name) ?? maker();
    this.#made.set(name, made);
    return made;
  }

  /** Listens on a free port and answers the door's URL. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Asks the door of this run for what it shares. Not by fetch, which gives up after 5 minutes: a build may take longer. */
export async function askDoor(name: string): Promise<unknown> {
  const door = process.env[DOOR_VARIABLE];
  if (door === undefined)
    throw new Error(`${DOOR_VARIABLE} is not set: run the tests with Jest's global set-up.`);
  return await new Promise((resolve, reject) => {
    // A connection of its own: one that was kept may have been closed by the other side meanwhile.
    const request = get(`${door}/${name}`, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(text));
      });
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}
