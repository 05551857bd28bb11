import { ApplicationFailure } from '@temporalio/common';
import { AxiosError, AxiosHeaders } from 'axios';
import { createLogger, temporalLogger } from '../../src/logging/logger';
import { ProviderError } from '../../src/providers/provider-error';
import { Secret } from '../../src/system/secret';

const CANARY = 'canary-77c1';
const FORMAT = 'it failed: %s %o';

function log(level: 'info' | 'debug' = 'info') {
  const lines: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const destination = {
    write(text: string) {
      texts.push(text);
      lines.push(JSON.parse(text));
    },
  };
  return { logger: createLogger({ name: 'test', level, destination }), lines, texts };
}

/** As axios throws it: the request, with the credentials in its headers, hangs on it. */
function axiosError(): AxiosError {
  const headers = new AxiosHeaders({ 'PLAID-SECRET': CANARY });
  const config = { headers, data: CANARY };
  return new AxiosError(`Request with ${CANARY} failed`, 'ERR_BAD_REQUEST', config, { headers });
}

describe('the log', () => {
  it('writes one JSON line with level, time and name', () => {
    const { logger, lines } = log();
    logger.info({ userId: 'u1' }, 'hello');
    expect(lines).toEqual([
      expect.objectContaining({ level: 'info', name: 'test', userId: 'u1', msg: 'hello' }),
    ]);
    expect(lines[0]?.time).toMatch(/^\d{4}-\d{2}-\d{2}T.*Z$/);
  });

  it.each<[string, (logger: ReturnType<typeof log>['logger'], error: unknown) => void]>([
    ['as err', (logger, err) => logger.error({ err }, 'it failed')],
    ['as error', (logger, error) => logger.error({ error }, 'it failed')],
    ['under any other name', (logger, failure) => logger.error({ failure }, 'it failed')],
    ['deep in an object', (logger, cause) => logger.error({ context: { cause } }, 'it failed')],
    ['in a list', (logger, cause) => logger.error({ causes: [cause] }, 'it failed')],
    ['alone', (logger, error) => logger.error(error)],
    ['without words of ours', (logger, err) => logger.error({ err })],
    ['among the arguments', (logger, error) => Reflect.apply(logger.error, logger, [FORMAT, error, error])],
    ['with its own message', (logger, err) => logger.error({ err }, err instanceof Error ? err.message : '')],
    ['from a child', (logger, err) => logger.child({ part: 'x', err }).error('it failed')],
    [
      'as the cause of another',
      (logger, cause) => logger.error({ err: new Error('outer', { cause }) }, 'it failed'),
    ],
    [
      'cut down before',
      (logger, error) => {
        const { name, message, stack } = error instanceof Error ? error : new Error();
        logger.error({ error: { name, message, stack } }, 'it failed');
      },
    ],
  ])('keeps the credentials of an Axios error to itself, %s', (_how, write) => {
    const { logger, texts } = log();
    write(logger, axiosError());
    expect(texts).toHaveLength(1);
    expect(texts[0]).not.toContain(CANARY);
    expect(texts[0]).toMatch(/AxiosError|it failed/);
  });

  it('tells name, code and place of a foreign error, without its message', () => {
    const { logger, lines } = log();
    logger.error({ err: axiosError() }, 'it failed');
    expect(lines[0]?.err).toEqual({
      name: 'AxiosError',
      code: 'ERR_BAD_REQUEST',
      stack: expect.stringMatching(/^\s+at .*logger\.test/),
    });
  });

  it('tells the message of our own errors', () => {
    const { logger, lines } = log();
    const failure = {
      provider: 'plaid',
      operation: 'POST /accounts/get',
      failureClass: 'transient',
      code: 'HTTP_500',
      requestId: 'abc',
      ambiguous: true,
    } as const;
    logger.error({ err: new ProviderError(failure) }, 'it failed');
    logger.error(new ProviderError(failure));
    logger.warn({ err: ApplicationFailure.nonRetryable('No account.', 'account_required') }, 'it failed');
    const message = 'plaid POST /accounts/get: HTTP_500 (request abc)';
    expect(lines[0]?.err).toMatchObject({ name: 'ProviderError', message });
    expect(lines[1]?.msg).toBe(message);
    expect(lines[2]?.err).toMatchObject({ message: 'No account.', type: 'account_required' });
  });

  it('keeps the message of a failure that only wraps a foreign error', () => {
    const { logger, texts } = log();
    logger.warn({ err: ApplicationFailure.fromError(new TypeError(CANARY)) }, 'it failed');
    expect(texts[0]).not.toContain(CANARY);
  });

  it('prints no secret of the settings', () => {
    const { logger, texts } = log();
    logger.info({ secret: new Secret(CANARY), list: [new Secret(CANARY)] }, 'settings');
    expect(texts[0]).toContain('[secret]');
    expect(texts[0]).not.toContain(CANARY);
  });

  it('takes the lines of the Temporal SDK, levels and all', () => {
    const { logger, lines, texts } = log();
    const sdk = temporalLogger(logger);
    sdk.debug('not at this level');
    sdk.warn('Activity failed', {
      error: axiosError(),
      attempt: 2,
      activityType: 'removeItem',
      [Symbol('x')]: 1,
    });
    sdk.log('ERROR', 'broken', { count: 3n });
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'Activity failed'],
      ['error', 'broken'],
    ]);
    expect(lines[0]).toMatchObject({ attempt: 2, activityType: 'removeItem', error: { name: 'AxiosError' } });
    expect(texts.join()).not.toContain(CANARY);
  });
  it('leaves out the task that an SDK line is about, with all that is in it', () => {
    const { logger, lines, texts } = log();
    const task = { taskToken: CANARY, isLocal: false, task: CANARY, taskEncoded: CANARY };
    temporalLogger(logger).error('Error while processing ActivityTask.start', { ...task, activityId: '1' });
    expect(lines[0]).toMatchObject({ activityId: '1', level: 'error' });
    expect(texts.join()).not.toContain(CANARY);
  });
});
