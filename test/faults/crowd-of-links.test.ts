/** Many links at once: none may be lost. A thousand of them are in `thousand-links.long.test.ts`. */
import { linksACrowd } from './crowd';

linksACrowd('links sixty users whose webhooks come all at once', 60);
