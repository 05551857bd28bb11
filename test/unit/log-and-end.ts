/** A process that logs once its input ends, and ends. */
import { createAuditLog } from '../../src/logging/audit-log';
import { createLogger } from '../../src/logging/logger';

const logger = createLogger({ name: 'test', level: 'info' });
const audit = createAuditLog('test');
const event = { action: 'test', caller: undefined, user: undefined, address: '', outcome: 'done' };
logger.info('first');
process.stdin.resume().on('end', () => {
  for (let line = 0; line < 3; line += 1) logger.info('x'.repeat(10_000));
  audit({ ...event, status: 200, requestId: '' });
  process.exit(7);
});
