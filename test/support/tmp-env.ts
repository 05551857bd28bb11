import { TestWorkflowEnvironment } from '@temporalio/testing';
import { temporal } from '@temporalio/proto';
export async function timeSkippingEnv(): Promise<TestWorkflowEnvironment> {
  const env = await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path: '/tmp/ts-wrapper.sh' } } });
  const T = temporal.api.enums.v1.IndexedValueType;
  await env.connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { LinkState: T.INDEXED_VALUE_TYPE_KEYWORD, LinkJobs: T.INDEXED_VALUE_TYPE_KEYWORD_LIST, PlaidItemId: T.INDEXED_VALUE_TYPE_KEYWORD } });
  return env;
}
