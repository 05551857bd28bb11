import type { Job } from '../../contract/jobs';

/** What a made-up result may depend on. */
export interface ResultContext {
  userId: string;
  job: Job;
  /** 1 for the first run of the job for this user. */
  run: number;
  completedAtMs: number;
  /** The run ended without a result. */
  failed: boolean;
}

/** Makes a result, the content of `data`, for a finished run. */
export type ResultMaker = (context: ResultContext) => unknown;

const DAY_MS = 86_400_000;
const EMPLOYER_ID = '5d77f9b8a124081cc400716a';

/** Results in the shape of the contract: the made-up employer Bluebird Logistics, and what recurs around it. */
function defaultResult({ job, run, completedAtMs }: ResultContext): unknown[] {
  const at = (days: number) => new Date(completedAtMs - days * DAY_MS).toISOString();
  // Counts the run, so that two runs never answer the same bytes.
  const id = (tail: string) => `6afdbf${run.toString(16).padStart(6, '0')}${tail}`;
  const employer = {
    _id: EMPLOYER_ID,
    name: 'Bluebird Logistics',
    branding: { logo: { url: 'https://cdn.example.test/bluebird.png' }, color: '#1B4F9C' },
  };
  if (job === 'employer-classification') {
    return [
      {
        _id: id('374b24b2cb8f'),
        company: employer,
        connector: { _id: '5d77f97ccbb9c618a8e9e771', name: 'Northwind Payroll' },
        confidence: 'HIGH',
        payCycle: 'biweekly',
        averageAmount: 1874.36,
        lastDepositDate: at(5),
        transactionCount: 13,
        createdAt: at(0),
      },
      {
        _id: id('37660c33a2aa'),
        company: { _id: '603e1d08a484ad91bdbe205e', name: 'Corner Street Cafe', branding: {} },
        connector: null,
        confidence: 'LOW',
        payCycle: null,
        averageAmount: 212.5,
        lastDepositDate: at(82),
        transactionCount: 4,
        createdAt: at(0),
      },
    ];
  }
  const recurring = (
    tail: string,
    description: string,
    company: unknown,
    [direction, category, frequency, amount, transactionCount, lastDay, nextDay]: readonly [
      'inflow' | 'outflow',
      string,
      string,
      number,
      number,
      number,
      number | null,
    ],
  ) => ({
    _id: id(tail),
    description,
    company,
    direction,
    category,
    frequency,
    averageAmount: amount,
    lastAmount: amount,
    currency: 'USD',
    firstDate: at(173),
    lastDate: at(lastDay),
    nextExpectedDate: nextDay === null ? null : at(-nextDay),
    status: nextDay === null ? 'inactive' : 'active',
    confidence: nextDay === null ? 'LOW' : 'HIGH',
    transactionCount,
  });
  return [
    recurring(
      '8d4dc7dce5ab',
      'STREAMHOUSE MONTHLY',
      { _id: '5eab668081b905700290c97e', name: 'Streamhouse', branding: {} },
      ['outflow', 'subscription', 'monthly', 15.49, 6, 15, 15],
    ),
    recurring('8d5ce27d0b35', 'BLUEBIRD LOGISTICS PAYROLL', employer, [
      'inflow',
      'payroll',
      'biweekly',
      1874.36,
      13,
      5,
      9,
    ]),
    recurring('8d696170548f', 'CITY POWER AND LIGHT', null, [
      'outflow',
      'utilities',
      'monthly',
      83.2,
      5,
      30,
      null,
    ]),
  ];
}

export interface ResultShape {
  /** Whether the result is the content of `data`. */
  wrapped: boolean;
  /** The field of an object that the built-in list stands in. */
  listName: string | undefined;
}

/** Results to answer, by job and user; the nearest one counts. */
export class ResultOverrides {
  readonly #values = new Map<string, { make: ResultMaker } | { bytes: number } | { text: string }>();

  set(job: Job, userId: string | undefined, make: ResultMaker): void {
    this.#values.set(key(job, userId), { make });
  }

  /** JSON text, answered as it stands. */
  setText(job: Job, userId: string | undefined, text: string): void {
    this.#values.set(key(job, userId), { text });
  }

  /** The whole body will have exactly so many bytes. */
  setBytes(job: Job, userId: string | undefined, bytes: number): void {
    this.#values.set(key(job, userId), { bytes });
  }

  clear(job: Job, userId: string | undefined): void {
    this.#values.delete(key(job, userId));
  }

  /** The body of the result endpoint. */
  bodyFor(context: ResultContext, shape: ResultShape): string {
    const { job, userId } = context;
    const override = this.#values.get(key(job, userId)) ?? this.#values.get(key(job, undefined));
    if (context.failed) return bodyOf({ status: 'failed' }, shape);
    if (override === undefined) return listBody(defaultResult(context), shape);
    if ('text' in override) return shape.wrapped ? `{"data":${override.text}}` : override.text;
    if ('make' in override) return bodyOf(override.make(context), shape);
    const bare = bodyOf([{ _id: EMPLOYER_ID, run: context.run, description: '' }], shape);
    const filler = 'x'.repeat(Math.max(0, override.bytes - Buffer.byteLength(bare)));
    return bodyOf([{ _id: EMPLOYER_ID, run: context.run, description: filler }], shape);
  }
}

/** A list in the shape of the contract. */
export function listBody(list: readonly unknown[], shape: ResultShape): string {
  return bodyOf(shape.listName === undefined ? list : { [shape.listName]: list }, shape);
}

export function bodyOf(value: unknown, { wrapped }: ResultShape): string {
  return JSON.stringify(wrapped ? { data: value } : value);
}

function key(job: Job, userId: string | undefined): string {
  return userId === undefined ? job : `${job} ${userId}`;
}
