import { priceOfActions } from '../cluster/cloud-prices';
import { type LinkCost, millionLinks, needsAt } from '../cluster/extrapolation';

const COST: LinkCost = {
  cpuMs: { workers: 60, APIs: 20, Temporal: 70, PostgreSQL: 45 },
  ...{
    persistenceCalls: 50,
    rowsWritten: 100,
    transactions: 60,
    walBytes: 1024 * 1024,
    databaseBytes: 64 * 1024,
  },
  ...{ actions: 9, historyBytes: 10_000 },
};

describe('the price of actions', () => {
  it.each([
    [1_000_000, 50],
    [5_000_000, 250],
    // The example of the price list.
    [11_250_000, 525],
    [200_000_000, 250 + 225 + 400 + 1_050 + 1_500 + 2_500],
  ])('of %d is $%d', (actions, dollars) => expect(priceOfActions(actions)).toBeCloseTo(dollars));

  it('is not known beyond the list', () => {
    expect(() => priceOfActions(200_000_001)).toThrow('beyond the price list');
  });
});

describe('the needs of many links', () => {
  it('are a power of two of shards, each with 50 calls a second at most', () => {
    expect(needsAt(1, COST).shards).toBe(4);
    expect(needsAt(100, COST).shards).toBe(128);
    expect(needsAt(128, COST).shards).toBe(128);
    expect(needsAt(129, COST).shards).toBe(256);
  });

  it('are cores that are at work for 60 % of the time', () => {
    expect(needsAt(100, COST)).toMatchObject({ workers: 10, apis: 4, temporalCores: 12, postgresqlCores: 8 });
  });

  it('are writes in proportion', () => {
    const needs = needsAt(10, COST);
    expect(needs).toMatchObject({ calls: 500, rows: 1_000, transactions: 600, walMibPerSecond: 10 });
    expect(needs.databaseGibPerDay).toBeCloseTo(52.7, 1);
  });
});

it('a million links cost their actions, and the hours of their histories', () => {
  const { actions, actionsDollars, historyGb, activeDollars, retainedDollars } = millionLinks(COST);
  expect([actions, actionsDollars, historyGb]).toEqual([9_000_000, 250 + 4 * 45, 10]);
  expect(activeDollars).toBeCloseTo(10 * 744 * 0.042);
  expect(retainedDollars).toBeCloseTo(10 * 744 * 0.00105);
});
