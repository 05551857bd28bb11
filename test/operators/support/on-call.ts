import { z } from 'zod';
import type { Service } from '../../support/service';
import type { Environment } from '../../support/service-process';

/** After the fault, on a machine however busy. */
const NAMED_WITHIN_MS = 60_000;

export const stuckSchema = z.object({
  links: z.array(
    z.object({
      userId: z.string(),
      code: z.string(),
      cause: z.string(),
      move: z.string(),
      command: z.string(),
    }),
  ),
});
type Row = z.output<typeof stuckSchema>['links'][number];
const reportSchema = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), message: z.string(), fix: z.string().optional() }),
  ),
});

/** A fault that stands, and what it is expected to look like. */
export interface Standing {
  userId: string;
  row: Partial<Record<keyof Row, unknown>>;
  /** Checks of the doctor that say so, by name. */
  checks: Record<string, RegExp>;
  /** Of the operator's commands, where they are not those of the service. */
  env?: Environment;
  /** Ends the cause; what the row's command does not do itself. */
  mend(): unknown;
  repaired(): Promise<unknown>;
}

/** A line of the table that is printed in the end. */
export interface Measured {
  fault: string;
  'stuck, s': string;
  'doctor, s': string;
  command: string;
  'repaired, s'?: string;
}

/** Somebody who knows the two commands alone, with a service whose faults they are to find. */
export class OnCall {
  readonly service: Service;

  constructor(service: Service) {
    this.service = service;
  }

  async doctor(env: Environment = {}) {
    const answer = await this.service.run('doctor', ['--json'], env);
    const { checks } = reportSchema.parse(answer.json());
    return { seconds: answer.seconds, checks };
  }

  /** The row of a user, once `stuck` names it with the code. */
  async stuck(userId: string, code: unknown, env: Environment = {}): Promise<{ row: Row; seconds: number }> {
    const endMs = Date.now() + NAMED_WITHIN_MS;
    for (;;) {
      const answer = await this.service.run('links', ['stuck', '--json'], env);
      const row = stuckSchema.parse(answer.json()).links.find((link) => link.userId === userId);
      if (row !== undefined && row.code === code) return { row, seconds: answer.seconds };
      if (Date.now() > endMs) throw new Error(`${userId} is not stuck by ${code}: ${answer.stdout}`);
    }
  }

  /** Expects both commands to name the fault, mends it, and expects the command that they name to repair the link. */
  async namesAndRepairs(fault: string, standing: Standing): Promise<Measured> {
    const { userId, row: expected, checks: expectedChecks, env, mend, repaired } = standing;
    const { row, seconds } = await this.stuck(userId, expected.code, env);
    expect(row).toMatchObject(expected);
    const examined = await this.doctor(env);
    const said = Object.fromEntries(examined.checks.map(({ name, message }) => [name, message]));
    expect(said).toMatchObject(
      Object.fromEntries(
        Object.entries(expectedChecks).map(([name, words]) => [name, expect.stringMatching(words)]),
      ),
    );
    const mendedMs = performance.now();
    await mend();
    const [, words] = /^npm run links -- (.*)$/.exec(row.command) ?? [];
    if (words !== undefined) {
      const answer = await this.service.run('links', words.split(' '), env);
      expect([answer.code, answer.stderr]).toEqual([0, '']);
    }
    await repaired();
    return {
      fault,
      'stuck, s': seconds.toFixed(1),
      'doctor, s': examined.seconds.toFixed(1),
      command: row.command.replace(userId, '<userId>'),
      'repaired, s': ((performance.now() - mendedMs) / 1_000).toFixed(1),
    };
  }

  linked(userId: string): Promise<unknown> {
    return this.service.call.linkWhen(userId, ({ state }) => state === 'linked');
  }

  /** And nothing is left at the providers. */
  async unlinked(userId: string): Promise<void> {
    await this.service.call.linkWhen(userId, ({ state }) => state === 'unlinked');
    expect(this.service.leftovers(userId)).toEqual([]);
  }

  async linkedUser(): Promise<{ userId: string; itemId: string }> {
    const link = await this.service.link({ jobs: ['employer-classification'] });
    await this.linked(link.userId);
    return link;
  }

  /** Asks for it alone: without a worker, or one that can read the link, there is no view to answer with. */
  askToUnlink(userId: string): Promise<unknown> {
    return this.service.call.unlink(userId, 0, { deadlineMs: 10_000 });
  }
}
