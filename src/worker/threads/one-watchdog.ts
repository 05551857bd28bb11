import { createContext, Script } from 'node:vm';

/** As much as is used here of the prototype of `BaseVMWorkflow` in the SDK's `workflow/vm-shared`. */
interface SdkWorkflow<Activation, Completion> {
  activate(activation: Activation): Promise<Completion>;
}

/**
 * One watchdog for all calls into a workflow that a task needs, five or more, in place of one for each: a watchdog is a
 * thread of the system, made and ended again. The SDK's time limit, which ends a workflow that never gives way, is then one
 * for all of them together. Before the first workflow of the thread; leans on `activate` of SDK 1.24, which makes its calls
 * before it first waits.
 */
export function watchActivationsAsOne<Activation, Completion>(
  workflow: SdkWorkflow<Activation, Completion>,
): void {
  const { runInContext } = Script.prototype;
  const { activate } = workflow;
  const outside: { call?: () => void } = {};
  const context = createContext(outside);
  const script = new Script('call()');
  let isWatched = false;
  let limitMs: number | undefined;

  Script.prototype.runInContext = function (inside, options) {
    if (isWatched) return runInContext.call(this, inside, { ...options, timeout: undefined });
    // Every workflow is called once to be made, before its first task.
    limitMs = options?.timeout ?? limitMs;
    return runInContext.call(this, inside, options);
  };

  workflow.activate = async function (activation) {
    let completion: Promise<Completion> | undefined;
    outside.call = () => {
      isWatched = true;
      completion = activate.call(this, activation);
    };
    try {
      runInContext.call(script, context, { timeout: limitMs });
    } finally {
      // Here and not in the call: what a watchdog ends does not come to its own end.
      isWatched = false;
    }
    if (!completion) throw new Error('The workflow was not called.');
    return completion;
  };
}
