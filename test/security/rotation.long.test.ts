import { rotatesUnderLoad } from './rotation';

jest.setTimeout(400_000);

rotatesUnderLoad({ users: 3, cycles: 3 });
