import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { z } from 'zod';
import { wrapped } from '../links/output';

/** Of every line, and of no use to someone who looks on. */
const LEFT_OUT = ['level', 'time', 'pid', 'hostname', 'name', 'msg', 'audit', 'requestId', 'sdkComponent'];
/** As wide as the time and the longest level. */
const INDENT = ' '.repeat('[00:00:00] ERROR: '.length);

const recordSchema = z.looseObject({
  msg: z.string().optional(),
  audit: z.boolean().optional(),
  method: z.string().optional(),
  status: z.number().optional(),
});

export interface Terminal {
  isTTY?: boolean;
  /** Heeds NO_COLOR. */
  hasColors?(): boolean;
  write(text: string): unknown;
}

/** Whether colours are welcome there. */
export function isColourful(terminal: Terminal): boolean {
  return terminal.isTTY === true && terminal.hasColors?.() === true;
}

/**
 * Log lines for people, of 80 columns; undefined where nobody looks on, and JSON it is. What only repeats what the page asks
 * for every moment is left out: reads that succeed, and the audit of what succeeds.
 */
export function terminalLog(terminal: Terminal): DestinationStream | undefined {
  if (terminal.isTTY !== true) return undefined;
  const format = prettyFactory({
    colorize: isColourful(terminal),
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,name,caller',
    hideObject: true,
    messageFormat: (record) => wrapped(textOf(record), INDENT).join('\n').trimStart(),
  });
  return {
    write(line) {
      if (!isRoutine(line)) terminal.write(format(line));
    },
  };
}

function isRoutine(line: string): boolean {
  const { audit, method, status = 0 } = recordSchema.parse(JSON.parse(line));
  return status > 0 && status < 400 && (audit === true || method === 'GET');
}

function textOf(record: Record<string, unknown>): string {
  const { msg = '', audit } = recordSchema.parse(record);
  const fields = Object.entries(record)
    .filter(([name]) => !LEFT_OUT.includes(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [audit ? 'audit' : msg, ...fields].join(' ');
}
