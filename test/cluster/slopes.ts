/** Of one series, in its own unit. */
export interface Reading {
  atMs: number;
  value: number;
}

export interface Verdict {
  name: string;
  mean: number;
  /** The slope of the second half: the first is for warming up. */
  perHour: number;
  /** Whether it rose by more than two fifths of the mean within that half, steadily. */
  rises: boolean;
}

const HOUR_MS = 3_600_000;
const MOST_GROWTH = 0.4;
/** How much of the variance the line has to explain: a value that jumps up and down rises nowhere. */
const STEADY = 0.5;

/** Judges a series by the line of least squares through its second half. */
export function verdictOf(name: string, series: readonly Reading[]): Verdict {
  const half = series.slice(Math.floor(series.length / 2));
  const mean = average(half.map(({ value }) => value));
  const middleMs = average(half.map(({ atMs }) => atMs));
  let [together, ofTime, ofValue] = [0, 0, 0];
  for (const { atMs, value } of half) {
    together += (atMs - middleMs) * (value - mean);
    ofTime += (atMs - middleMs) ** 2;
    ofValue += (value - mean) ** 2;
  }
  const perMs = ofTime === 0 ? 0 : together / ofTime;
  const explained = ofTime === 0 || ofValue === 0 ? 0 : together ** 2 / (ofTime * ofValue);
  const spanMs = (half.at(-1)?.atMs ?? 0) - (half[0]?.atMs ?? 0);
  return {
    name,
    mean,
    perHour: perMs * HOUR_MS,
    rises: perMs * spanMs > mean * MOST_GROWTH && explained > STEADY,
  };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
