import { openSharedServers } from './shared-servers';

export default (): Promise<void> => openSharedServers();
