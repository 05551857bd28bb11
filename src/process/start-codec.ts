import type { KeyRing } from '../encryption/key-ring';
import { createNamedPayloadCodec, isEncryptedPayload } from '../encryption/payload-codec';
import { createCodecApp } from '../http/codec/app';
import { drain } from '../http/server/drain';
import type { AuditLog } from '../logging/audit-log';
import type { Logger } from '../logging/logger';
import type { SettingsOf } from '../settings/schema';
import type { codecSchema } from '../settings/schemas';
import { gaugeKeys } from './encryption-metrics';
import { listenOn } from './listen';
import { processMetrics } from './process-metrics';
import type { Running } from './run-entry';

/** The codec server, listening: decodes payloads for the Temporal UI and CLI, and opens no sealed token. */
export async function startCodec({
  codec: settings,
  namespace,
  keyRing,
  logger,
  audit,
}: {
  codec: SettingsOf<typeof codecSchema>['codec'];
  namespace: string;
  keyRing: KeyRing;
  logger: Logger;
  audit: AuditLog;
}): Promise<Running & { url: string }> {
  const { tokens = [], jwt, uiOrigins, host, port } = settings;
  const metrics = processMetrics();
  gaugeKeys(metrics, keyRing);
  const isOpen = tokens.length === 0 && !jwt;
  const app = createCodecApp({
    codec: createNamedPayloadCodec({ keyRing, namespace }),
    isEncoded: isEncryptedPayload,
    namespace,
    auth: isOpen
      ? { kind: 'none' }
      : {
          kind: 'required',
          tokens: () => tokens.map((token) => token.reveal()),
          ...(jwt && {
            jwt: {
              keys: new URL(jwt.jwksUrl),
              issuer: jwt.issuer,
              audience: jwt.audience,
              claim: settings.claim,
              mayEncode: settings.encode,
            },
          }),
        },
    allowedOrigins: uiOrigins,
    logger,
    audit,
    metrics,
  });
  const url = await listenOn(app, { host, port, variable: 'CODEC_PORT' });
  if (isOpen) logger.warn({ url }, 'codec server without CODEC_TOKEN or CODEC_JWKS_URL: on loopback only');
  else logger.info({ url }, 'codec server is listening');
  return { url, drain: () => drain(app, settings.drainDelayMs), close: () => app.close() };
}
