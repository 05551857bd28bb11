import type { DataConverter } from '@temporalio/common';
import { createPayloadCodec, type PayloadCodecOptions } from './payload-codec';

/** For `bundleWorkflowCode`; resolves to the TypeScript source or the built JavaScript, whichever is running. */
export const failureConverterPath = require.resolve('./failure-converter');

/**
 * The one data converter of every client and worker of a namespace: payloads encrypted, and failures' messages and stack
 * traces with them. Goes to `Client`, `Worker.create` and `Worker.runReplayHistory` alike.
 */
export function createDataConverter(options: PayloadCodecOptions): DataConverter {
  return { failureConverterPath, payloadCodecs: [createPayloadCodec(options)] };
}
