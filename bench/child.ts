/** A process of the benchmark, and calls to it: its CPU and memory can be measured alone. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { z } from 'zod';

const requestSchema = z.object({ id: z.number(), name: z.string(), argument: z.unknown().optional() });
const answerSchema = z.object({
  id: z.number(),
  value: z.unknown().optional(),
  error: z.string().optional(),
});

export interface Child {
  pid: number;
  /** Rejects when the call fails or the process has ended. */
  call<T>(name: string, schema: z.ZodType<T>, argument?: unknown): Promise<T>;
  stop(): Promise<void>;
}

/** Starts a file of `bench`, as it is in the build, as a process that takes calls by {@link takeCalls}. */
export function startChild(build: string, file: string, nodeOptions: readonly string[] = []): Child {
  const child = fork(path.join(build, 'bench', file), {
    execArgv: ['--expose-gc', '--enable-source-maps', ...nodeOptions],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} could not be started.`);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting = new Map<number, (answer: z.infer<typeof answerSchema>) => void>();
  child.on('message', (message) => {
    const answer = answerSchema.parse(message);
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let calls = 0;
  return {
    pid,
    async call(name, schema, argument) {
      calls += 1;
      const id = calls;
      const answer = new Promise<z.infer<typeof answerSchema>>((resolve) => waiting.set(id, resolve));
      child.send({ id, name, argument });
      const { value, error } = await Promise.race([answer, endOf(child, ended, file)]);
      if (error !== undefined) throw new Error(`${file}, ${name}: ${error}`);
      return schema.parse(value);
    },
    async stop() {
      // The end of the channel is what a process of the benchmark ends with.
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

async function endOf(child: ChildProcess, ended: Promise<void>, file: string): Promise<never> {
  await ended;
  throw new Error(`${file} has ended: ${child.exitCode ?? child.signalCode}`);
}

/** In a process of the benchmark: answers calls until the parent lets go of it. */
export function takeCalls(handlers: Record<string, (argument: unknown) => Promise<unknown>>): void {
  process.on('message', async (message) => {
    const { id, name, argument } = requestSchema.parse(message);
    try {
      const handler = handlers[name];
      if (!handler) throw new Error('no such call');
      process.send?.({ id, value: await handler(argument) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once('disconnect', () => process.exit(0));
}
