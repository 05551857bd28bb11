import type { Fault } from '../../../src/simulators/server/faults';
import { type Call, operationOf } from '../../support/call-log';
import { until } from '../../support/until';
import type { World } from '../../support/world';

/** The simulator that answers a call. */
export function providerOf({ plaid, atomic }: World, call: Call): World['plaid'] | World['atomic'] {
  return operationOf(call).startsWith('/') ? plaid : atomic;
}

export function addFault(world: World, call: Call, fault: Omit<Fault, 'operation'>) {
  return providerOf(world, call).faults.add({ ...fault, operation: operationOf(call) });
}

export interface Held {
  /** Resolves once the request is there, and held. */
  arrived(userId: string): Promise<void>;
  release(): void;
}

/** Holds the next such request, before or after it has had its effect, until it is released. */
export function hold(world: World, call: Call, when: 'before' | 'after' = 'before'): Held {
  const { ledger, faults } = providerOf(world, call);
  const before = ledger.lastSeq;
  addFault(world, call, { when, kind: { hold: call } });
  return {
    async arrived(userId) {
      await ledger.waitForRequest(operationOf(call), { userId, afterSeq: before });
      await until(() => faults.held(call) > 0, Boolean, { everyMs: 1 });
    },
    release: () => void faults.release(call),
  };
}
