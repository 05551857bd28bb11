import { openSharedServers } from './shared-servers';

/** Some of the long tests are an operator's, who has the Temporal CLI. */
export default (): Promise<void> => openSharedServers({ withCli: true });
