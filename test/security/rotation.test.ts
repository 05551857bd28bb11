/** Keys and secrets are replaced in a service that is used. Under more load, that is in `rotation.long.test.ts`. */
import { rotatesUnderLoad } from './rotation';

jest.setTimeout(400_000);

rotatesUnderLoad({ users: 1, cycles: 1 });
