import { nextPollMs } from '../../workflows/poll-schedule';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function schedule(overdueMs: number, giveUpMs: number): number[] {
  const polls: number[] = [];
  for (
    let at = nextPollMs(0, overdueMs, giveUpMs);
    at !== undefined;
    at = nextPollMs(at, overdueMs, giveUpMs)
  ) {
    polls.push(at);
  }
  return polls;
}

describe('nextPollMs', () => {
  it('asks first when overdue, at doubling intervals of up to a day, and last when it gives up', () => {
    expect(schedule(15 * MINUTE, 7 * DAY)).toEqual([
      15 * MINUTE,
      45 * MINUTE,
      105 * MINUTE,
      225 * MINUTE,
      465 * MINUTE,
      945 * MINUTE,
      1905 * MINUTE,
      1905 * MINUTE + DAY,
      1905 * MINUTE + 2 * DAY,
      1905 * MINUTE + 3 * DAY,
      1905 * MINUTE + 4 * DAY,
      1905 * MINUTE + 5 * DAY,
      7 * DAY,
    ]);
  });

  it.each([
    [2_000, 7_000, [2_000, 6_000, 7_000]],
    [0, 5_000, [2_000, 5_000]],
    [10_000, 5_000, [5_000]],
    [5_000, 5_000, [5_000]],
  ])('with %d ms overdue and %d ms to give up asks at %j', (overdueMs, giveUpMs, expected) => {
    expect(schedule(overdueMs, giveUpMs).filter((at) => at > 0)).toEqual(expected);
  });

  it('goes on from any time between two polls', () => {
    expect(nextPollMs(20 * MINUTE, 15 * MINUTE, 7 * DAY)).toBe(45 * MINUTE);
    expect(nextPollMs(7 * DAY, 15 * MINUTE, 7 * DAY)).toBeUndefined();
    expect(nextPollMs(8 * DAY, 15 * MINUTE, 7 * DAY)).toBeUndefined();
  });
});
