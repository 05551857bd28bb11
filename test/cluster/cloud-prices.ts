/**
 * What Temporal Cloud charges beyond what a plan includes, in US dollars, on the plans Business and above: "Pay-As-You-Go" of
 * https://docs.temporal.io/cloud/pricing, read on 2026-11-26. A plan itself costs at least 10 % of it.
 */
export const CLOUD_PRICES = {
  readAt: '2026-11-26',
  source: 'https://docs.temporal.io/cloud/pricing',
  /** For a million actions in a month, by how many there are; beyond the last tier the price is a matter of contract. */
  perMillionActions: [
    { upToMillions: 5, dollars: 50 },
    { upToMillions: 10, dollars: 45 },
    { upToMillions: 20, dollars: 40 },
    { upToMillions: 50, dollars: 35 },
    { upToMillions: 100, dollars: 30 },
    { upToMillions: 200, dollars: 25 },
  ],
  /** For a gigabyte for an hour: of open workflows, and of closed ones. */
  activeGbHour: 0.042,
  retainedGbHour: 0.00105,
} as const;

export const HOURS_IN_MONTH = 744;

/** Dollars for so many actions in one month. Throws beyond the last tier of the list. */
export function priceOfActions(actions: number): number {
  const millions = actions / 1_000_000;
  let [dollars, below] = [0, 0];
  for (const tier of CLOUD_PRICES.perMillionActions) {
    dollars += Math.max(0, Math.min(millions, tier.upToMillions) - below) * tier.dollars;
    below = tier.upToMillions;
  }
  if (millions > below) throw new Error(`${millions} million actions are beyond the price list.`);
  return dollars;
}
