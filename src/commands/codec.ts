/** `npm run codec`: the codec server, a process of its own. */
import { type Entry, runEntry } from '../process/run-entry';
import { startCodec } from '../process/start-codec';
import { keyRingOf } from '../process/wiring';
import { type CodecSettings, codecSchema } from '../settings/schemas';

const entry: Entry<CodecSettings> = {
  name: 'codec',
  readSettings: codecSchema.read,
  async start({ settings: { codec, temporal }, logger, audit }) {
    const keyRing = await keyRingOf(temporal, logger);
    return startCodec({ codec, namespace: temporal.namespace, keyRing, logger, audit });
  },
};

void runEntry(entry);
