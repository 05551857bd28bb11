import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { watchForLostTask } from '../../src/worker/sdk-runtime';

describe('a task that the core of the SDK has lost', () => {
  function watched() {
    const lines: string[] = [];
    const sink = ({ level, message }: LogEntry) => lines.push(`${level} ${message}`);
    return { lines, ...watchForLostTask(new DefaultLogger('INFO', sink)) };
  }

  it('is told of by the line that the core writes', async () => {
    const { logger, taskLost, lines } = watched();
    logger.log('ERROR', 'Extra buffered run should not have produced an activation');
    await taskLost;
    expect(lines).toEqual([
      'ERROR Extra buffered run should not have produced an activation',
      'ERROR The SDK has lost a task: this worker exits, so that another one continues the run.',
    ]);
  });

  it('is not told of by any other line', async () => {
    const { logger, taskLost, lines } = watched();
    logger.log('ERROR', 'Error while updating workflow');
    expect(await Promise.race([taskLost.then(() => 'lost'), 'not lost'])).toBe('not lost');
    expect(lines).toEqual(['ERROR Error while updating workflow']);
  });
});
