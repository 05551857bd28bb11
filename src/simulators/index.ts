export {
  type AtomicSimulator,
  type AtomicSimulatorOptions,
  startAtomicSimulator,
} from './atomic-simulator';
export type { Fault, FaultKind } from './faults';
export type { EffectEntry, Ledger, LedgerEntry, RequestEntry } from './ledger';
export { type PlaidSimulator, type PlaidSimulatorOptions, startPlaidSimulator } from './plaid-simulator';
