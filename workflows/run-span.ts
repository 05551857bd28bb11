import { sleep } from '@temporalio/workflow';
import { isEndSuggested } from './sdk/suggested-end';

/** A step of a job, which may take hours: the run does not make way meanwhile. A call that cleanup has to wait for. */
type Work = 'step' | 'settling';

/** How long a run lasts: until its history is long or old, or an operator wants the next one, and no step is under way. */
export class RunSpan {
  private readonly underWay: Record<Work, number> = { step: 0, settling: 0 };
  private isOver = false;
  isAging = false;

  /** Does work that others wait for. */
  async during<T>(kinds: readonly Work[], work: () => Promise<T>): Promise<T> {
    for (const kind of kinds) this.underWay[kind] += 1;
    try {
      return await work();
    } finally {
      for (const kind of kinds) this.underWay[kind] -= 1;
      this.noteLength();
    }
  }

  /** No call is under way whose outcome decides what has to be undone. */
  get isSettledDown(): boolean {
    return this.underWay.settling === 0;
  }

  /**
   * Notes whether the history has grown long. Only where something is handled that the history holds: a refused update
   * leaves no trace in it, so that a run that went by what it saw meanwhile would not replay.
   */
  noteLength(): void {
    this.isOver ||= isEndSuggested();
  }

  /** The run is to make way as soon as it can. */
  renew(): void {
    this.isOver = true;
  }

  /** The run has grown long or old, and nothing is under way: the moment for the next one. */
  get shouldMakeWay(): boolean {
    return this.isOver && this.underWay.step === 0;
  }

  /** Ends after so long, counted from now. */
  limitAge(maxAgeMs: number): void {
    this.isAging = true;
    const age = sleep(maxAgeMs, { summary: 'the run continues as new' });
    void age.then(
      () => this.renew(),
      () => undefined,
    );
  }
}
