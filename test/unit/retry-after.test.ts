import { parseRetryAfterMs } from '../../src/providers/retry-after';

const NOW_MS = Date.UTC(1994, 10, 6, 8, 49, 0);
const DAY_MS = 86_400_000;

describe('parseRetryAfterMs', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    [' 120 ', 120_000],
    ['007', 7_000],
    ['86400', DAY_MS],
  ])('takes %j as seconds', (value, expectedMs) => {
    expect(parseRetryAfterMs(value, NOW_MS)).toBe(expectedMs);
  });

  it.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime, which is UTC', 'Sun Nov  6 08:49:37 1994'],
  ])('takes a date as the time left until it: %s', (_form, value) => {
    expect(parseRetryAfterMs(value, NOW_MS)).toBe(37_000);
  });

  it('takes the present instant as no wait', () => {
    expect(parseRetryAfterMs('Sun, 06 Nov 1994 08:49:00 GMT', NOW_MS)).toBe(0);
  });

  it.each(['86401', '99999999999999999999999', `${'9'.repeat(400)}`, 'Fri, 01 Jan 2100 00:00:00 GMT'])(
    'waits 24 hours at most: %s',
    (value) => {
      expect(parseRetryAfterMs(value, NOW_MS)).toBe(DAY_MS);
    },
  );

  it('ignores a date that has passed', () => {
    expect(parseRetryAfterMs('Sun, 06 Nov 1994 08:48:59 GMT', NOW_MS)).toBeUndefined();
  });

  it.each([
    null,
    undefined,
    '',
    '   ',
    '-1',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    '5s',
    '5 minutes',
    '5, 6',
    'NaN',
    'Infinity',
    'soon',
    'tomorrow GMT',
    '2094-11-06T08:49:37Z',
    'Sun, 06 Nov 2094',
    'Sun, 06 Nov 2094 08:49:37',
    'Sun, 06 Nov 2094 08:49:37 PST',
    'Sun, 06 Nov 2094 99:49:37 GMT',
    'Sun, 06 Foo 2094 08:49:37 GMT',
    '٣',
  ])('ignores %j', (value) => {
    expect(parseRetryAfterMs(value, NOW_MS)).toBeUndefined();
  });
});
