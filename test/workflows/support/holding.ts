import type { Fault } from '../../../src/simulators/server/faults';
import type { LinkWorld } from '../../support/link-world';
import type { Call } from './call-log';
import { operationOf } from './call-log';
import type { LinkScene } from './use-link-world';

/** The simulator that answers a call. */
export function providerOf(
  { plaid, atomic }: LinkWorld,
  call: Call,
): LinkWorld['plaid'] | LinkWorld['atomic'] {
  return operationOf(call).startsWith('/') ? plaid : atomic;
}

export function addFault(scene: LinkScene, call: Call, fault: Omit<Fault, 'operation'>) {
  return providerOf(scene.world, call).faults.add({ ...fault, operation: operationOf(call) });
}

export interface Held {
  /** Resolves once the request is there, and held. */
  arrived(userId: string): Promise<void>;
  release(): void;
}

/** Holds the next such request, before or after it has had its effect, until it is released. */
export function hold(scene: LinkScene, call: Call, when: 'before' | 'after' = 'before'): Held {
  const { ledger, faults } = providerOf(scene.world, call);
  const before = ledger.lastSeq;
  addFault(scene, call, { when, kind: { hold: call } });
  return {
    async arrived(userId) {
      await ledger.waitForRequest(operationOf(call), { userId, afterSeq: before });
      const endMs = Date.now() + 20_000;
      while (faults.held(call) === 0) {
        if (Date.now() > endMs) throw new Error(`${call} came, and was not held.`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    release: () => void faults.release(call),
  };
}
