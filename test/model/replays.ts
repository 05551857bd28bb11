import type { KeyRing } from '../../src/encryption/key-ring';
import type { HistoryEvent } from '../long-life/support/run-chain';
import { replayErrors } from '../support/replay';
import type { LinkUnderTest } from './link-under-test';
import { whatHappened } from './what-happened';

/** A worker for replays costs as much as a link or two. */
const AT_ONCE = 50;

interface Life {
  /** How to play the link again. */
  label: string;
  histories: readonly HistoryEvent[][];
}

/** Histories of links that are over, replayed some at a time, as by a worker that has none of them in its cache. */
export class Replays {
  /** By the workflow's id. */
  private lives = new Map<string, Life>();
  private readonly failures: string[] = [];

  /** Of worlds that share their keys. */
  constructor(private readonly keyRing: KeyRing) {}

  async add({ handle }: LinkUnderTest, life: Life): Promise<void> {
    this.lives.set(handle.workflowId, life);
    if (this.lives.size >= AT_ONCE) await this.replay();
  }

  /** What did not replay, of all that were added. */
  async errors(): Promise<readonly string[]> {
    await this.replay();
    return this.failures;
  }

  private async replay(): Promise<void> {
    const { lives } = this;
    this.lives = new Map();
    const histories = [...lives].flatMap(([workflowId, life]) =>
      life.histories.map((events) => ({ workflowId, history: { events } })),
    );
    if (histories.length === 0) return;
    for (const { workflowId, message } of await replayErrors({ keyRing: this.keyRing }, histories)) {
      const life = lives.get(workflowId);
      this.failures.push(`${life?.label}: ${message}\n${life && whatHappened(life.histories)}`);
    }
  }
}
