/** `npm run codec`: the codec server, a process of its own. */
import { runEntry } from '../process/run-entry';
import { startCodec } from '../process/start-codec';
import { keyRingOf } from '../process/wiring';
import { codecSchema } from '../settings/schemas';

void runEntry({
  name: 'codec',
  readSettings: codecSchema.read,
  async start({ settings: { codec, temporal }, logger, audit }) {
    const keyRing = await keyRingOf(temporal, logger);
    return startCodec({ codec, namespace: temporal.namespace, keyRing, logger, audit });
  },
});
