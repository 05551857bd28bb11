import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import type { FastifyInstance, InjectOptions } from 'fastify';
import pino from 'pino';
import { Registry } from 'prom-client';
import { parseKeyRing } from '../../../src/encryption/key-ring';
import { createNamedPayloadCodec, isEncryptedPayload } from '../../../src/encryption/payload-codec';
import { type CodecAppDeps, createCodecApp } from '../../../src/http/codec/app';
import { toJson } from '../../../src/http/codec/json-payloads';
import type { AuditEvent } from '../../../src/logging/audit-log';

export const NAMESPACE = 'processor-link';
export const UI = 'http://localhost:8233';
export const TOKEN = 'codec-token-0123456789';
export const SECRET_VALUE = { employer: 'SECRET Employer Ltd' };

const keys = `k1:${randomBytes(32).toString('base64')}`;
export const codecOf = (namespace: string): PayloadCodec =>
  createNamedPayloadCodec({ keyRing: parseKeyRing(keys), namespace });

/** Counts what it decodes, so that a refusal can be told from an empty answer. */
class CountingCodec implements PayloadCodec {
  readonly #codec = codecOf(NAMESPACE);
  worked = 0;

  encode(payloads: Payload[]): Promise<Payload[]> {
    this.worked += payloads.length;
    return this.#codec.encode(payloads);
  }

  decode(payloads: Payload[]): Promise<Payload[]> {
    this.worked += payloads.length;
    return this.#codec.decode(payloads);
  }
}

const apps: FastifyInstance[] = [];

/** For `afterEach`. */
export async function closeCodecApps(): Promise<void> {
  await Promise.all(apps.splice(0).map((app) => app.close()));
}

export function codecApp(overrides: Partial<CodecAppDeps> = {}) {
  const codec = new CountingCodec();
  const audited: AuditEvent[] = [];
  let log = '';
  const app = createCodecApp({
    codec,
    isEncoded: isEncryptedPayload,
    namespace: NAMESPACE,
    auth: { kind: 'required', tokens: () => [TOKEN] },
    allowedOrigins: [UI],
    metrics: new Registry(),
    audit: (event) => void audited.push(event),
    logger: pino(
      { level: 'trace' },
      {
        write: (line: string) => {
          log += line;
        },
      },
    ),
    ...overrides,
  });
  apps.push(app);
  return { app, codec, audited, logText: () => log };
}

export const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) ?? {};
export const plain = () => toJson(payloadOf(SECRET_VALUE));

/** A payload that says which workflow it is for, as `/encode` wants it. */
export const named = ({ metadata, data }: Payload): Payload => ({
  metadata: { ...metadata, 'workflow-id': Buffer.from('processor-link/u1') },
  ...(data && { data }),
});
export const namedPlain = () => toJson(named(payloadOf(SECRET_VALUE)));
export const encrypted = async (namespace = NAMESPACE) =>
  (await codecOf(namespace).encode([named(payloadOf(SECRET_VALUE))])).map(toJson);

export function call(path: string, payload: unknown, headers: Record<string, string> = {}): InjectOptions {
  return {
    method: 'POST',
    url: path,
    headers: {
      'content-type': 'application/json',
      'x-namespace': NAMESPACE,
      authorization: `Bearer ${TOKEN}`,
      ...headers,
    },
    payload: JSON.stringify(payload),
  };
}
