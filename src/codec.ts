/** `npm run codec`: the codec server, a process of its own. */
import { type Entry, runEntry } from './entry';
import { startCodec } from './run-codec';
import { readCodecSettings } from './settings';
import type { CodecSettings } from './settings-types';
import { keyRingOf } from './wiring';

const entry: Entry<CodecSettings> = {
  name: 'codec',
  readSettings: readCodecSettings,
  async start({ settings: { codec, temporal }, logger }) {
    const keyRing = await keyRingOf(temporal, logger);
    return startCodec({ codec, namespace: temporal.namespace, keyRing, logger });
  },
};

void runEntry(entry);
