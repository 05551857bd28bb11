import { linksACrowd } from './crowd';

linksACrowd('links a thousand users whose webhooks come all at once', 1_000);
