import type { LoadedDataConverter } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { failureConverter } from './failure-converter';
import { createPayloadCodec, type PayloadCodecOptions } from './payload-codec';

/**
 * What `createDataConverter` describes, already loaded. A client takes it as it is; a worker does not, because it loads
 * converters by path. Nothing is looked up by path here, so that callers can bundle the client into one file.
 */
export function createClientDataConverter(options: PayloadCodecOptions): LoadedDataConverter {
  return {
    payloadConverter: defaultPayloadConverter,
    failureConverter,
    payloadCodecs: [createPayloadCodec(options)],
  };
}
