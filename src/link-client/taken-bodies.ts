import { setNewest } from '../system/set-newest';

/** The link itself knows second deliveries for far longer; this only keeps a flood of them from Temporal. */
const REMEMBERED_MS = 60_000;
const MAX_USERS = 10_000;

/**
 * The newest bodies of webhooks that Temporal has taken, by user, for a minute: a copy of one need not be sent to the link
 * again.
 */
export class TakenBodies {
  readonly #bodiesPerUser: number;
  readonly #nowMs: () => number;
  readonly #taken = new Map<string, Map<string, number>>();

  constructor({
    bodiesPerUser,
    nowMs = () => performance.now(),
  }: {
    bodiesPerUser: number;
    nowMs?: () => number;
  }) {
    this.#bodiesPerUser = bodiesPerUser;
    this.#nowMs = nowMs;
  }

  has(userId: string, bodySha256: string): boolean {
    const takenAtMs = this.#taken.get(userId)?.get(bodySha256);
    return takenAtMs !== undefined && this.#nowMs() - takenAtMs < REMEMBERED_MS;
  }

  add(userId: string, bodySha256: string): void {
    const bodies = this.#taken.get(userId) ?? new Map<string, number>();
    setNewest(bodies, this.#bodiesPerUser, bodySha256, this.#nowMs());
    setNewest(this.#taken, MAX_USERS, userId, bodies);
  }

  /** What comes from now on may mean something new, even in the same words. */
  forget(userId: string): void {
    this.#taken.delete(userId);
  }
}
