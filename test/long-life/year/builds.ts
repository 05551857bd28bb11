import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { failureConverterPath } from '../../../src/encryption/data-converter';

const PATCHES = ['./first-patch', './second-patch', './third-patch'].map((file) => require.resolve(file));

/** Workflow bundles of the builds of a year: the present one, and after it one more patch each. */
export function makeBuilds(): Promise<{ code: string }[]> {
  const counts = Array.from({ length: PATCHES.length + 1 }, (_, count) => count);
  return Promise.all(
    counts.map((count) =>
      bundleWorkflowCode({
        workflowsPath: require.resolve('../../../workflows'),
        workflowInterceptorModules: [
          ...PATCHES.slice(0, count),
          require.resolve('../../../workflows/sdk/interceptors'),
        ],
        failureConverterPath,
        logger: new DefaultLogger('WARN'),
      }),
    ),
  );
}
