import { promiseHooks } from 'node:v8';
import { cutoffStackTrace } from '@temporalio/common';

/** As much as is used here of `globalHandlers` in the SDK's `workflow/vm-shared`. */
export interface SdkStackTraces {
  /** The frames of the stack trace that was formatted last. */
  currentStackTrace: StackFrame[] | undefined;
  promiseHookInstalled: boolean;
}

interface StackFrame {
  function_name?: string | undefined;
  file_path?: string | undefined;
}

/** What the SDK's activator, of which each workflow has one, answers its Call Stack from. */
interface Activator {
  info: { runId: string };
  promiseStackStore: {
    promiseToStack: Map<Promise<unknown>, CallStack>;
    childToParent: Map<Promise<unknown>, Set<Promise<unknown>>>;
  };
}

/** What is asked of the context that a promise was made in: of a workflow's, or of the thread's own. */
interface Realm {
  /** Of the workflow that runs; undefined outside of workflows. */
  activator(): Activator | undefined;
  Error: ErrorConstructor;
}

type CallSites = readonly NodeJS.CallSite[];

const AGGREGATORS: ReadonlySet<string> = new Set(['race', 'all', 'allSettled', 'any']);

/** Where a promise was made, written out when somebody asks: the SDK writes out every one, and maps it to the sources. */
class CallStack {
  readonly #write: () => { formatted: string; structured: StackFrame[] };
  #written: { formatted: string; structured: StackFrame[] } | undefined;

  constructor(write: () => { formatted: string; structured: StackFrame[] }) {
    this.#write = write;
  }

  get formatted(): string {
    this.#written ??= this.#write();
    return this.#written.formatted;
  }

  get structured(): StackFrame[] {
    this.#written ??= this.#write();
    return this.#written.structured;
  }
}

/**
 * Has the SDK take the call sites of each promise alone, and make a stack trace of them once the Call Stack of a workflow is
 * asked for. Before the first workflow of the thread. It takes the place of `GlobalHandlers.setPromiseHook` of SDK 1.24,
 * and can go once the SDK writes stack traces when they are asked for.
 */
export function writeCallStacksOnDemand(sdk: SdkStackTraces): void {
  Object.defineProperty(sdk, 'setPromiseHook', {
    value: () => {
      const callSitesOf = takeCallSites();
      promiseHooks.createHook(promiseHook(sdk, callSitesOf));
      sdk.promiseHookInstalled = true;
    },
  });
}

function promiseHook(sdk: SdkStackTraces, callSitesOf: (error: Error) => CallSites) {
  const realms = new WeakMap<object, Realm>();
  const realmOf = (promise: Promise<unknown>): Realm | undefined => {
    // Node's own code takes the constructor off promises of its own.
    const made: Partial<Promise<unknown>>['constructor'] = promise.constructor;
    if (!made) return undefined;
    const known = realms.get(made);
    if (known) return known;
    // The one way into the context of a promise is the function that makes functions there.
    const realm: Realm = made.constructor(
      'return { activator: () => globalThis.__TEMPORAL_ACTIVATOR__, Error: globalThis.Error }',
    )();
    realms.set(made, realm);
    return realm;
  };
  // `Promise.race` and its like make a promise for each of theirs; those count as the one that was asked for.
  let aggregation: Promise<unknown> | undefined;
  return {
    init(promise: Promise<unknown>, parent: Promise<unknown>) {
      const realm = realmOf(promise);
      const activator = realm?.activator();
      if (!realm || !activator) return;
      const { promiseToStack, childToParent } = activator.promiseStackStore;
      // By this the SDK knows whose an unhandled rejection is.
      Object.assign(promise, { runId: activator.info.runId });
      const error = new realm.Error();
      const callSites = callSitesOf(error);
      // Above the code that made the promise stand this function and, where there are several hooks, Node's.
      const above = isInitAll(callSites[1]) ? 2 : 1;
      const first = nameOfBuiltIn(callSites[above]) ?? '';
      const second = nameOfBuiltIn(callSites[above + 1]) ?? '';
      let child = promise;
      let stack: CallStack | undefined;
      if (aggregation && first === 'then' && AGGREGATORS.has(second)) {
        child = aggregation;
        stack = promiseToStack.get(aggregation);
      } else {
        aggregation = AGGREGATORS.has(first) ? promise : undefined;
        stack = new CallStack(() => written(sdk, error, callSites.slice(above)));
      }
      if (child === parent) return;
      if (stack) promiseToStack.set(child, stack);
      const parents = childToParent.get(child) ?? new Set();
      if (parent) parents.add(parent);
      childToParent.set(child, parents);
    },
    settled(promise: Promise<unknown>) {
      const store = realmOf(promise)?.activator()?.promiseStackStore;
      store?.childToParent.delete(promise);
      store?.promiseToStack.delete(promise);
    },
  };
}

/** V8 asks for a stack trace to be written where it is read; here it gets the call sites themselves. */
function takeCallSites(): (error: Error) => CallSites {
  const write = Error.prepareStackTrace;
  let taken: CallSites | undefined;
  let isTaking = false;
  Error.prepareStackTrace = (error, callSites) => {
    if (!isTaking) return write?.(error, callSites);
    taken = callSites;
    return '';
  };
  return (error) => {
    isTaking = true;
    taken = undefined;
    void error.stack;
    isTaking = false;
    return taken ?? [];
  };
}

/** As the SDK writes it: mapped to the sources, without its own frames. */
function written(sdk: SdkStackTraces, error: Error, callSites: NodeJS.CallSite[]) {
  sdk.currentStackTrace = undefined;
  const text = String(Error.prepareStackTrace?.(error, callSites) ?? '');
  const frames: StackFrame[] = sdk.currentStackTrace ?? [];
  const end = frames.findIndex(isOfSdk);
  return {
    formatted: cutoffStackTrace(text.replace(/^Error\n/, '')),
    structured: end < 0 ? frames : frames.slice(0, end),
  };
}

/** From here on the frames of a stack trace are of the SDK alone. */
function isOfSdk({ function_name = '', file_path = '' }: StackFrame): boolean {
  const isHandler = /^Activator\.\S+NextHandler$/.test(function_name);
  return (
    (isHandler && /[\\/]workflow[\\/](?:src|lib)[\\/]internals\.[jt]s$/.test(file_path)) ||
    (/^(?:Script\.)?runInContext$/.test(function_name) && file_path === 'node:vm')
  );
}

function isInitAll(callSite: NodeJS.CallSite | undefined): boolean {
  return (
    callSite?.getFunctionName() === 'initAll' && callSite.getFileName() === 'node:internal/promise_hooks'
  );
}

/** The name of a function that is V8's own, such as `then`; those have no file. */
function nameOfBuiltIn(callSite: NodeJS.CallSite | undefined): string | undefined {
  return callSite && !callSite.getFileName() ? (callSite.getFunctionName() ?? undefined) : undefined;
}
