/** Comes before the SDK's own code in a thread that runs workflows. */
import { BaseVMWorkflow, globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared';
import { writeCallStacksOnDemand } from './call-stacks';
import { watchActivationsAsOne } from './one-watchdog';

writeCallStacksOnDemand(globalHandlers);
watchActivationsAsOne(BaseVMWorkflow.prototype);
