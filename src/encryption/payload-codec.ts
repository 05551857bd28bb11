import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from 'node:zlib';
import type { Payload, PayloadCodec, SerializationContext } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { SafeError } from '../contract/safe-error';
import { decrypt, encrypt } from './authenticated-encryption';
import type { KeyRing } from './key-ring';
import { WorkflowKeys } from './workflow-keys';

const PayloadMessage = temporal.api.common.v1.Payload;
const deflateRawAsync = promisify(deflateRaw);
const inflateRawAsync = promisify(inflateRaw);

const ENCODING = 'binary/encrypted';
const ENCODING_KEY = 'encoding';
const KEY_ID_KEY = 'encryption-key-id';
const VERSION_KEY = 'encryption-version';
const VERSION = '2';
/** Names the workflow that a payload belongs to: whoever decodes for the UI or the CLI is told it by nothing else. */
const WORKFLOW_ID_KEY = 'workflow-id';
/**
 * SDK 1.24 does not say for which workflow it encodes why a workflow task could not be taken. That is for people to read, in
 * the UI through the codec server; as it belongs to no workflow, no worker and no client takes it.
 */
const NO_WORKFLOW = '';

/** First byte of the plaintext. */
const STORED = 0;
const DEFLATED = 1;
/** Below this, compression gains nothing. */
const COMPRESS_FROM_BYTES = 256;
/** From here on (de)compression leaves the event loop to others. */
const OFF_THREAD_FROM_BYTES = 32 * 1024;
/** Temporal takes 2 MB a payload, so an honest one is far below; anything above is a bomb. */
const MAX_INFLATED_BYTES = 16 * 1024 * 1024;

/**
 * What Temporal's server itself says, in plain JSON, of an activity that was cancelled between two attempts. It comes with
 * the event ActivityTaskCanceled of every such activity, so that a link could not be unlinked if it were refused.
 */
const SERVERS_OWN = '"ACTIVITY_ID_NOT_STARTED"';

/** A payload was not made by this codec, for this workflow: it is refused, never passed through. */
export class PayloadRefusedError extends SafeError {
  constructor(message: string) {
    super(message);
    this.name = 'PayloadRefusedError';
  }
}

export interface PayloadCodecOptions {
  keyRing: KeyRing;
  namespace: string;
  /** Called for each payload with the id of the ring's key that it was encrypted under. */
  onEncrypted?: (keyId: string) => void;
}

/**
 * Compresses, then encrypts each payload whole (metadata and data), AES-256-GCM. The key is the workflow's own: derived
 * from the ring's `payload` key for namespace and workflow id, both of which are authenticated too. Metadata outside:
 * `encoding: binary/encrypted`, the key's id, the version, the workflow's id.
 *
 * Which workflow it is comes from the SDK's serialization context, thus from the call or the task and never from the
 * payload: one that was copied from another workflow is refused, by workers and clients alike. A payload for a child
 * belongs to the child.
 *
 * It fails closed. `decode` throws `PayloadRefusedError` for a payload that is plain, foreign, or of another workflow (but
 * for one constant that the server writes itself), `DecryptionError` for an altered one, `UnknownKeyError` for a key that is
 * not in the ring. What that does, by place (SDK 1.24, worker.ts):
 *
 * - In a workflow task the worker decodes before workflow code runs, so the *task* fails (event WorkflowTaskFailed, log
 *   line "Failed to process Workflow Activation", metric `temporal_workflow_task_execution_failed`) and is tried again
 *   for ever: the link stalls and goes on once the key is there.
 * - In an activity task the attempt fails as retryable, within the activity's own limits.
 * - In a client the call rejects with the error itself.
 *
 * The SDK gives the codec every payload of inputs, results, failures, signals, queries, updates, memo, heartbeat details
 * and user metadata. Search attributes, headers and Core's own marker details stay plain, so nothing secret goes there.
 * A signal or update sent by hand must come through the codec server (`temporal ... --codec-endpoint`): a plain one stays
 * in the history and stalls the link until the run is reset to before it. Cancel, terminate and queries without arguments
 * carry no payload.
 */
export function createPayloadCodec(options: PayloadCodecOptions): PayloadCodec {
  const { namespace } = options;
  const { encode, decode } = encryption(options);

  return {
    async encode(payloads, context) {
      const target = context?.namespace;
      if (target !== undefined && target !== '' && target !== namespace) {
        throw new PayloadRefusedError(
          `The data converter is bound to namespace "${namespace}" and was used for "${target}".`,
        );
      }
      const workflowId = context === undefined ? NO_WORKFLOW : workflowIdIn(context);
      return Promise.all(payloads.map((payload) => encode(payload, workflowId)));
    },
    async decode(payloads, context) {
      const workflowId = workflowIdIn(context);
      return Promise.all(payloads.map((payload) => decode(payload, workflowId)));
    },
  };
}

/**
 * The same for those who know of no workflow, the codec server and `npm run keys`: each payload says by its metadata
 * `workflow-id` where it belongs, and a wrong one does not decrypt. It may still be a copy that somebody put into another
 * workflow's history, so it is for reading alone.
 */
export function createNamedPayloadCodec(options: PayloadCodecOptions): PayloadCodec {
  const { encode, decode } = encryption(options);

  return {
    encode: async (payloads) =>
      Promise.all(
        payloads.map((payload) => {
          const workflowId = workflowIdOfPayload(payload);
          if (workflowId === undefined) {
            throw new PayloadRefusedError(
              'A payload does not name its workflow in the metadata "workflow-id".',
            );
          }
          const { [WORKFLOW_ID_KEY]: _name, ...metadata } = payload.metadata ?? {};
          return encode({ ...payload, metadata }, workflowId);
        }),
      ),
    decode: async (payloads) =>
      Promise.all(payloads.map((payload) => decode(payload, workflowIdOfPayload(payload) ?? NO_WORKFLOW))),
  };
}

function encryption({ keyRing, namespace, onEncrypted }: PayloadCodecOptions) {
  const keys = new WorkflowKeys(keyRing, namespace);

  return {
    async encode(payload: Payload, workflowId: string): Promise<Payload> {
      const plaintext = await pack(PayloadMessage.encode(payload).finish());
      const keyId = keyRing.primaryId;
      const data = encrypt(
        keys.key(keyId, workflowId),
        authenticated(namespace, workflowId, keyId),
        plaintext,
      );
      onEncrypted?.(keyId);
      return {
        metadata: {
          [ENCODING_KEY]: Buffer.from(ENCODING),
          [KEY_ID_KEY]: Buffer.from(keyId),
          [VERSION_KEY]: Buffer.from(VERSION),
          ...(workflowId !== NO_WORKFLOW && { [WORKFLOW_ID_KEY]: Buffer.from(workflowId) }),
        },
        data,
      };
    },

    async decode(payload: Payload, workflowId: string): Promise<Payload> {
      if (isServersOwn(payload)) return payload;
      if (!isEncryptedPayload(payload)) {
        throw new PayloadRefusedError('A payload is not encrypted. Plain payloads are refused.');
      }
      const keyId = encryptionKeyIdOf(payload);
      if (keyId === undefined || metadataText(payload, VERSION_KEY) !== VERSION) {
        throw new PayloadRefusedError('A payload is encrypted in a form that this codec does not know.');
      }
      if ((workflowIdOfPayload(payload) ?? NO_WORKFLOW) !== workflowId) {
        throw new PayloadRefusedError('A payload belongs to another workflow than the one it was found in.');
      }
      const box = payload.data ?? new Uint8Array();
      const plaintext = decrypt(
        keys.key(keyId, workflowId),
        authenticated(namespace, workflowId, keyId),
        box,
      );
      const { metadata, data } = PayloadMessage.decode(await unpack(plaintext));
      return { metadata, data };
    },
  };
}

function workflowIdIn(context: SerializationContext | undefined): string {
  const workflowId = context?.workflowId;
  if (workflowId !== undefined && workflowId !== NO_WORKFLOW) return workflowId;
  throw new PayloadRefusedError('The data converter was used for a payload that belongs to no workflow.');
}

/** Whether a payload says that it came from this codec; says nothing of whether it decrypts. */
export function isEncryptedPayload(payload: Payload): boolean {
  return metadataText(payload, ENCODING_KEY) === ENCODING;
}

/** Id of the key that a payload names; undefined for a plain one. */
export function encryptionKeyIdOf(payload: Payload): string | undefined {
  return metadataText(payload, KEY_ID_KEY);
}

/** Id of the workflow that a payload names as its own; undefined for one that names none. */
export function workflowIdOfPayload(payload: Payload): string | undefined {
  return metadataText(payload, WORKFLOW_ID_KEY) || undefined;
}

function isServersOwn(payload: Payload): boolean {
  return (
    metadataText(payload, ENCODING_KEY) === 'json/plain' &&
    Buffer.from(payload.data ?? new Uint8Array()).toString('utf8') === SERVERS_OWN
  );
}

function metadataText(payload: Payload, key: string): string | undefined {
  const bytes = payload.metadata?.[key];
  return bytes ? Buffer.from(bytes).toString('utf8') : undefined;
}

function authenticated(namespace: string, workflowId: string, keyId: string): string[] {
  return ['processor-link/payload', VERSION, namespace, workflowId, keyId];
}

async function pack(bytes: Uint8Array): Promise<Buffer> {
  if (bytes.length >= COMPRESS_FROM_BYTES) {
    const deflated =
      bytes.length < OFF_THREAD_FROM_BYTES ? deflateRawSync(bytes) : await deflateRawAsync(bytes);
    if (deflated.length < bytes.length) return Buffer.concat([Buffer.of(DEFLATED), deflated]);
  }
  return Buffer.concat([Buffer.of(STORED), bytes]);
}

async function unpack(plaintext: Buffer): Promise<Uint8Array> {
  const body = plaintext.subarray(1);
  switch (plaintext[0]) {
    case STORED:
      return body;
    case DEFLATED: {
      const limit = { maxOutputLength: MAX_INFLATED_BYTES };
      try {
        if (body.length < OFF_THREAD_FROM_BYTES / 8) return inflateRawSync(body, limit);
        return await inflateRawAsync(body, limit);
      } catch {
        throw new PayloadRefusedError('A payload does not unpack, or to more than 16 MiB.');
      }
    }
    default:
      throw new PayloadRefusedError('A payload is packed in a form that this codec does not know.');
  }
}
