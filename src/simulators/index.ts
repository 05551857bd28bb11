export type { AtomicState } from './atomic/links';
export {
  type AtomicSimulator,
  type AtomicSimulatorOptions,
  startAtomicSimulator,
} from './atomic/simulator';
export type { PlaidState } from './plaid/items';
export { type PlaidSimulator, type PlaidSimulatorOptions, startPlaidSimulator } from './plaid/simulator';
export type { Fault, FaultKind } from './server/faults';
export type { EffectEntry, Ledger, LedgerEntry, RequestEntry } from './server/ledger';
