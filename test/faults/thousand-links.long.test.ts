import { linksACrowd } from './support/crowd';

linksACrowd('links a thousand users whose webhooks come all at once', 1_000);
