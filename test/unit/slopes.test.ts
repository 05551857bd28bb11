import { verdictOf } from '../cluster/slopes';

const MINUTE_MS = 60_000;
/** A reading a minute, for two hours. */
const seriesOf = (valueAt: (minute: number) => number) =>
  Array.from({ length: 120 }, (_, minute) => ({ atMs: minute * MINUTE_MS, value: valueAt(minute) }));

describe('the verdict on a series', () => {
  it('is that it rises, where it goes on rising after it has warmed up', () => {
    const verdict = verdictOf(
      'memory',
      seriesOf((minute) => 100 + 2 * minute),
    );
    expect(verdict.rises).toBe(true);
    expect(verdict.perHour).toBeCloseTo(120);
  });

  it('is that it is steady, where it rose only at first', () => {
    const verdict = verdictOf(
      'memory',
      seriesOf((minute) => Math.min(100 + 10 * minute, 400)),
    );
    expect(verdict).toMatchObject({ mean: 400, perHour: 0, rises: false });
  });

  it('is that it is steady, where it jumps up and down', () => {
    expect(
      verdictOf(
        'memory',
        seriesOf((minute) => (minute % 10 === 9 ? 400 : 100)),
      ).rises,
    ).toBe(false);
  });

  it('is that it is steady, where it falls', () => {
    expect(
      verdictOf(
        'memory',
        seriesOf((minute) => 400 - minute),
      ).rises,
    ).toBe(false);
  });

  it('is that it is steady, where there is too little to tell', () => {
    expect(verdictOf('memory', []).rises).toBe(false);
    expect(verdictOf('memory', [{ atMs: 0, value: 1 }]).rises).toBe(false);
  });
});
