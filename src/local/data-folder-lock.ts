import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { StartError } from '../process/start-error';
import { errorCode } from '../system/error-code';

/** Says who runs in a data folder, and where. */
const FILE = 'running.json';
const SIGN_OF_LIFE_EVERY_MS = 2_000;
/** A process that has not given a sign of life for so long has ended, and another one has got its id. */
const GONE_AFTER_MS = 15_000;

const holderSchema = z.object({ pid: z.int(), apiUrl: z.string().optional() });
export type Holder = z.infer<typeof holderSchema>;

export interface HeldFolder {
  /** Where the holder answers, for other commands. */
  announce(apiUrl: string): Promise<void>;
  release(): Promise<void>;
}

/** Who runs in the folder now; undefined for nobody. */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  const file = path.join(folder, FILE);
  try {
    const holder = holderSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    const { mtimeMs } = await stat(file);
    return isAlive(holder.pid) && Date.now() - mtimeMs < GONE_AFTER_MS ? holder : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError) {
      return undefined;
    }
    throw error;
  }
}

/** Takes the folder for this process. Throws {@link StartError}, which names the holder, where another one has it. */
export async function holdDataFolder(folder: string): Promise<HeldFolder> {
  const file = path.join(folder, FILE);
  const write = (holder: Holder, flag: string) => writeFile(file, JSON.stringify(holder), { flag });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await write({ pid: process.pid }, 'wx');
      break;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const holder = await holderOf(folder);
    if (holder && holder.pid !== process.pid) {
      const where = holder.apiUrl === undefined ? '' : `, ${holder.apiUrl}`;
      throw new StartError(
        `Process ${holder.pid}${where} runs in ${folder} already. End it, or start this one in another folder.`,
      );
    }
    if (attempt === 3) throw new StartError(`${file} cannot be replaced. Remove it.`);
    await rm(file, { force: true });
  }
  const timer = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, SIGN_OF_LIFE_EVERY_MS);
  timer.unref();
  return {
    announce: (apiUrl) => write({ pid: process.pid, apiUrl }, 'w'),
    async release() {
      clearInterval(timer);
      await rm(file, { force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
