import type { temporal } from '@temporalio/proto';
import { FAILURE_CLASSES, type FailureClass } from '../../contract/failures';
import type { PayloadReader } from './payload-reader';

type Failure = temporal.api.failure.v1.IFailure;

/** A failure as Temporal keeps it. `type` is plain there; the rest is encrypted, and left out where a key is missing. */
export interface ReadFailure {
  type?: string;
  message?: string;
  provider?: string;
  failureClass?: FailureClass;
  /** Plaid's `error_code`, or `HTTP_<status>` and the like. */
  providerCode?: string;
  providerRequestId?: string;
  /** The key that its message is encrypted under, where the reader lacks it. */
  lackedKeyId?: string;
}

const DEEPEST_CAUSE = 5;

/** The innermost failure that says what it is: an activity's or a time-out's cause, where it has one. */
export async function readFailure(
  failure: Failure | null | undefined,
  read: PayloadReader,
): Promise<ReadFailure | undefined> {
  if (!failure) return undefined;
  const { application, message, lackedKeyId } = await fieldsOf(innermost(failure), read);
  const details = await detailsOf(application, read);
  return {
    ...(application?.type && { type: application.type }),
    ...(message !== undefined && { message }),
    ...(lackedKeyId !== undefined && { lackedKeyId }),
    ...details,
  };
}

function innermost(failure: Failure): Failure {
  let found = failure;
  for (let depth = 0; depth < DEEPEST_CAUSE && !found.applicationFailureInfo && found.cause; depth++) {
    found = found.cause;
  }
  return found;
}

type Application = temporal.api.failure.v1.IApplicationFailureInfo;

async function fieldsOf(
  failure: Failure,
  read: PayloadReader,
): Promise<{
  application: Application | undefined;
  message: string | undefined;
  lackedKeyId?: string | undefined;
}> {
  const application = failure.applicationFailureInfo ?? undefined;
  if (!failure.encodedAttributes) return { application, message: failure.message || undefined };
  const { value, lackedKeyId } = await read(failure.encodedAttributes);
  return { application, message: textIn(value, 'message'), lackedKeyId };
}

async function detailsOf(application: Application | undefined, read: PayloadReader) {
  const [payload] = application?.details?.payloads ?? [];
  if (!payload) return {};
  const { value } = await read(payload);
  const provider = textIn(value, 'provider');
  const named = textIn(value, 'failureClass');
  const failureClass = FAILURE_CLASSES.find((known) => known === named);
  const providerCode = textIn(value, 'providerCode');
  const providerRequestId = textIn(value, 'providerRequestId');
  return {
    ...(provider !== undefined && { provider }),
    ...(failureClass !== undefined && { failureClass }),
    ...(providerCode !== undefined && { providerCode }),
    ...(providerRequestId !== undefined && { providerRequestId }),
  };
}

function textIn(value: unknown, field: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const text: unknown = Reflect.get(value, field);
  return typeof text === 'string' && text !== '' ? text : undefined;
}
