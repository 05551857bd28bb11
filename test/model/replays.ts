import { createDataConverter } from '../../src/encryption/data-converter';
import type { KeyRing } from '../../src/encryption/key-ring';
import { DEFAULT_NAMESPACE } from '../../src/temporal/connection';
import { replay } from '../support/replay';
import type { HistoryEvent } from '../support/run-chain';
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
    const namespace = DEFAULT_NAMESPACE;
    const dataConverter = createDataConverter({ keyRing: this.keyRing, namespace });
    for (const { workflowId, error } of await replay({ dataConverter, temporal: { namespace } }, histories)) {
      const life = lives.get(workflowId);
      if (error) this.failures.push(`${life?.label}: ${error}\n${life && whatHappened(life.histories)}`);
    }
  }
}
